"""error_analysis: what the network gets wrong, and whether it knows."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline import prepare
from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.figures import style as figures
from pipeline.metrics.statistics import auroc, confusion
from pipeline.tracking.stage import stage

GALLERY = 48  # wrong images in the picture; all of them are in the table


def highest_probability(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's confidence, the highest of each image's probabilities: (n, classes) to (n,)."""
    return probabilities.max(axis=1)  # type: ignore[no-any-return]


def separation(highest: NDArray[np.float32], wrong: NDArray[np.bool_]) -> dict[str, float | None]:
    """Return the mean highest probability (n,) of wrong, right and all images, and how well a low one detects wrong.

    wrong_auroc is the probability that a random wrong image has a lower one than a random right image.
    """

    def mean(values: NDArray[np.float32]) -> float | None:
        return float(values.mean(dtype=np.float64)) if len(values) else None

    return {
        "highest_probability_wrong": mean(highest[wrong]),
        "highest_probability_right": mean(highest[~wrong]),
        "highest_probability_all": mean(highest),
        "wrong_auroc": auroc(highest[~wrong], highest[wrong]),
    }


def wrong_images(
    probabilities: NDArray[np.float32], predicted: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> pd.DataFrame:
    """Return one row a wrong image, the surest mistake first: index, label, predicted and their two probabilities."""
    index = np.flatnonzero(predicted != labels)
    table = pd.DataFrame(
        {
            "index": index,
            "label": labels[index],
            "predicted": predicted[index],
            "probability_of_predicted": probabilities[index, predicted[index]],
            "probability_of_label": probabilities[index, labels[index]],
        }
    )
    return table.sort_values("probability_of_predicted", ascending=False, kind="stable", ignore_index=True)


def chosen(index: int | None, candidates: NDArray[np.intp], seed: int, key: str) -> int | None:
    """Return the named index, or one that the seed draws; None where there is none to draw.

    Raises UserError when the named one is not a candidate.
    """
    if index is None:
        return int(np.random.default_rng(seed).choice(candidates)) if len(candidates) else None
    if index not in candidates:
        kind = key.rsplit(".", 1)[1]
        some = ", ".join(map(str, candidates[:5])) or "none"
        raise UserError(f"params.yaml: {key}: found {index}; the network gets other images {kind}: {some}")
    return index


def draw_example(
    image: NDArray[np.uint8], probabilities: NDArray[np.float32], label: int, index: int, names: list[str]
) -> Figure:
    """Draw an image (height, width) and its probability for each class, the true class and a wrong answer coloured."""
    predicted = int(probabilities.argmax())
    figure, ((picture, bars),) = figures.canvas(1, 2, height=2.7, width_ratios=[1, 1.7])
    figure.suptitle(f"Test image {index}: {names[label]}, taken for {names[predicted]}")
    figures.show(picture, image)
    colours = [figures.GREY] * len(probabilities)
    colours[predicted] = figures.ORANGE
    colours[label] = figures.BLUE
    drawn = bars.bar(np.arange(len(probabilities)), probabilities, color=colours)
    if len(probabilities) <= 15:
        bars.bar_label(drawn, [f"{value:.2f}" if value >= 0.005 else "" for value in probabilities], fontsize=8)
        figures.name_ticks(bars.xaxis, names)
    bars.set(xlabel="class", ylabel="probability", ylim=(0, 1.1), yticks=[0, 0.5, 1])
    return figure


def draw_highest(highest: NDArray[np.float32], wrong: NDArray[np.bool_]) -> Figure:
    """Draw the density of the highest probability (n,), wrong images against all, in the same bins."""
    figure, ((axes,),) = figures.canvas(1, 1, height=3.0)
    bins = np.linspace(0, 1, 26)
    axes.hist(highest, bins, density=True, alpha=0.5, color=figures.BLUE, label=f"all {len(highest):,} images")
    if wrong.any():
        label = f"the {int(wrong.sum()):,} wrong images"
        axes.hist(highest[wrong], bins, density=True, alpha=0.5, color=figures.ORANGE, label=label)
    axes.set(title="How sure the network is", xlabel="highest probability", ylabel="density")
    axes.set_xlim(left=min(0.9, float(np.floor(highest.min() * 10) / 10)), right=1)
    axes.legend(loc="upper left")
    return figure


def draw_wrong(images: NDArray[np.uint8], table: pd.DataFrame, names: list[str]) -> Figure:
    """Draw wrong images (n, height, width) in the order of their table: true class, an arrow, predicted class."""
    if table.empty:
        figure, ((axes,),) = figures.canvas(1, 1, height=1.0)
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No image is wrong.", ha="center", transform=axes.transAxes)
        return figure
    long = max(map(len, names)) > 3
    line = "\n" if long else " "
    columns = (table[name].to_list() for name in ("label", "predicted", "probability_of_predicted"))
    titles = [
        f"{names[label]} →{line}{names[predicted]} ({probability:.2f})"
        for label, predicted, probability in zip(*columns, strict=True)
    ]
    return figures.image_grid(list(images), titles, "Wrong images, the surest mistakes first", columns=6 if long else 8)


def draw_confusion(matrix: NDArray[np.int64], names: list[str]) -> Figure:
    """Draw a confusion matrix (classes, classes): mistakes coloured by number, right answers only written."""
    classes = len(matrix)
    mistakes = np.where(np.eye(classes, dtype=bool), 0, matrix)
    figure, ((axes,),) = figures.canvas(1, 1, height=6.0)
    drawn = axes.imshow(mistakes, cmap="Oranges")
    if classes <= 15:
        for (label, predicted), count in np.ndenumerate(matrix):
            light = mistakes[label, predicted] > mistakes.max() * 0.6
            axes.text(predicted, label, str(count), ha="center", va="center", color="white" if light else "black",
                      weight="bold" if label == predicted else "normal", alpha=1 if count else 0.25)  # fmt: skip
        figures.name_ticks(axes.xaxis, names)
        figures.name_ticks(axes.yaxis, names)
    axes.set(xlabel="predicted class", ylabel="true class", title="Which class is taken for which")
    figure.colorbar(drawn, ax=axes, label="mistakes", shrink=0.7, ticks=MaxNLocator(integer=True))
    return figure


def main() -> None:
    """Draw examples, the histogram, the wrong images and the confusion matrix; list every wrong image."""
    with stage("error_analysis") as run:
        settings = run.params.error_analysis
        images = prepare.load("test").images
        names = [name if len(name) <= 11 else f"{name[:10]}…" for name in prepare.class_names()]
        with np.load(paths.PREDICTIONS) as saved:
            probabilities, predicted, labels = saved["probabilities"], saved["predicted"], saved["labels"]
        wrong = predicted != labels
        highest = highest_probability(probabilities)
        examples: dict[str, int | None] = {
            "right": chosen(settings.right, np.flatnonzero(~wrong), settings.seed, "error_analysis.right"),
            "wrong": chosen(settings.wrong, np.flatnonzero(wrong), settings.seed, "error_analysis.wrong"),
        }
        table = wrong_images(probabilities, predicted, labels)

        folder = paths.figures("error_analysis")
        for name, index in examples.items():
            if index is not None:
                figure = draw_example(images[index], probabilities[index], int(labels[index]), index, names)
                figures.save(figure, folder / f"{name}.png")
        figures.save(draw_highest(highest, wrong), folder / "highest_probability.png")
        shown = table.head(GALLERY)
        figures.save(draw_wrong(images[shown["index"].to_numpy()], shown, names), folder / "wrong_images.png")
        figures.save(draw_confusion(confusion(labels, predicted, len(names)), names), folder / "confusion.png")
        files.write_text(paths.WRONG, table.to_csv(index=False))
        results: dict[str, Any] = {
            **separation(highest, wrong),
            **{f"{name}_example": i for name, i in examples.items()},
        }
        protocol = {"test_set": prepare.TEST_SET[run.params.prepare.validation]}
        files.write_json(paths.metrics("error_analysis"), results | protocol)


if __name__ == "__main__":
    main()
