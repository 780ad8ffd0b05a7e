"""What the network answers: examples, its confidence, its mistakes."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.figures import style

MOST_CLASSES = 15  # whose names and numbers have room


def draw_example(
    image: NDArray[np.uint8], probabilities: NDArray[np.float32], label: int, index: int, names: list[str]
) -> Figure:
    """Draw an image (height, width) and its probability for each class, the true class and a wrong answer coloured."""
    predicted = int(probabilities.argmax())
    shown = np.arange(len(probabilities))
    if len(shown) > MOST_CLASSES:  # the likeliest, and the true class, in the order of the classes
        shown = np.unique(np.append(np.argsort(-probabilities, kind="stable")[: MOST_CLASSES - 1], label))
    figure, ((picture, bars),) = style.canvas(1, 2, height=2.7, width_ratios=[1, 1.7])
    answer = f", taken for {names[predicted]}" if predicted != label else ""
    figure.suptitle(f"Test image {index}: {names[label]}{answer}")
    style.show(picture, image)
    colours = [style.BLUE if one == label else style.ORANGE if one == predicted else style.GREY for one in shown]
    drawn = bars.bar(np.arange(len(shown)), probabilities[shown], color=colours)
    bars.bar_label(drawn, [f"{value:.2f}" if value >= 0.005 else "" for value in probabilities[shown]], fontsize=8)
    style.name_ticks(bars.xaxis, [names[one] for one in shown])
    words = "class" if len(shown) == len(names) else f"class, the likeliest of {len(names)}"
    bars.set(xlabel=words, ylabel="probability", ylim=(0, 1.1), yticks=[0, 0.5, 1])
    return figure


def draw_confidence(confidences: NDArray[np.float32], wrong: NDArray[np.bool_]) -> Figure:
    """Draw the density of the confidence (n,), wrong images against all, in the same bins."""
    figure, ((axes,),) = style.canvas(1, 1, height=3.0)
    bins = np.linspace(0, 1, 26)
    axes.hist(confidences, bins, density=True, alpha=0.5, color=style.BLUE, label=f"all {len(confidences):,} images")
    if wrong.any():
        label = f"the {int(wrong.sum()):,} wrong images"
        axes.hist(confidences[wrong], bins, density=True, alpha=0.5, color=style.ORANGE, label=label)
    axes.set(title="How sure the network is", xlabel="confidence: the highest probability", ylabel="density")
    least = min(0.9, float(np.floor(confidences.min() * 10) / 10))
    axes.set_xlim(left=least, right=1)
    axes.legend(loc="upper left" if np.median(confidences) > (least + 1) / 2 else "upper right")
    return figure


def draw_answers(images: NDArray[np.uint8], table: pd.DataFrame, names: list[str], heading: str) -> Figure:
    """Draw images (n, height, width) in the order of their table: label, an arrow, the network's answer.

    The table has the columns label, predicted and probability_of_predicted.
    """
    long = max(map(len, names)) > 3
    line = "\n" if long else " "
    columns = (table[name].to_list() for name in ("label", "predicted", "probability_of_predicted"))
    titles = [
        f"{names[label]} →{line}{names[predicted]} ({probability:.2f})"
        for label, predicted, probability in zip(*columns, strict=True)
    ]
    return style.image_grid(list(images), titles, heading, columns=5 if long else 8)


def draw_confusion(matrix: NDArray[np.int64], names: list[str]) -> Figure:
    """Draw a confusion matrix (classes, classes): mistakes coloured by number, right answers only written."""
    classes = len(matrix)
    mistakes = np.where(np.eye(classes, dtype=bool), 0, matrix)
    figure, ((axes,),) = style.canvas(1, 1, height=6.0)
    drawn = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(1, mistakes.max()))
    if classes <= MOST_CLASSES:
        for (label, predicted), count in np.ndenumerate(matrix):
            light = mistakes[label, predicted] > mistakes.max() * 0.6
            axes.text(predicted, label, str(count), ha="center", va="center", color="white" if light else "black",
                      weight="bold" if label == predicted else "normal", alpha=1 if count else 0.25)  # fmt: skip
        style.name_ticks(axes.xaxis, names)
        style.name_ticks(axes.yaxis, names)
    axes.set(xlabel="predicted class", ylabel="true class", title="Which class is taken for which")
    figure.colorbar(drawn, ax=axes, label="mistakes", shrink=0.7, ticks=MaxNLocator(integer=True))
    return figure
