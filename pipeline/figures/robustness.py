"""What becomes of the answers when images change: by corruption and strength, and by where the image's content lies."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from pipeline.figures import style
from pipeline.figures.evidence import DPI, WIDTH

# of the sheet of samples, in inches: the name of a row, the gap between two images, what an answer and a heading take,
# and how low a row may be so that its name has room
NAME, GAP, LINE, LOWEST = 0.28, 0.06, 0.22, 1.0


def draw_curves(table: pd.DataFrame, means: pd.DataFrame) -> Figure:
    """Draw accuracy with its interval, and confidence, over the strength: the mean first, then a panel a corruption.

    Both tables have the columns strength, accuracy, accuracy_low, accuracy_high and confidence, `table` corruption too.
    """
    curves = table.groupby("corruption", sort=False)
    rows = -(-(len(curves) + 1) // 2)
    figure = Figure(figsize=(WIDTH, 1.5 * rows + 0.8), dpi=DPI)
    mean, *others = figure.subplots(rows, 2, sharex=True, sharey=True).flat
    _draw_curve(mean, "mean of all that follow" if len(curves) > 1 else "mean", means)
    title = "How often the network is right, and how sure it is"  # of the legend: a `suptitle` would lie on that
    figure.legend(
        *mean.get_legend_handles_labels(), loc="outside upper center", ncols=2, title=title,
        title_fontsize=rcParams["figure.titlesize"],
    )  # fmt: skip
    for axes, (name, curve) in zip(others, curves, strict=False):
        _draw_curve(axes, str(name).replace("_", " "), curve)
    for axes in others[len(curves) :]:
        axes.set_axis_off()
        others[len(curves) - 2].tick_params(labelbottom=True)  # above the empty place
    mean.set(ylim=(0, 1.03), yticks=[0, 0.5, 1], xticks=means["strength"])
    mean.yaxis.set_major_formatter(PercentFormatter(1))
    figure.supxlabel("strength; 0 is the image as it is", fontsize=9)
    return figure


def _draw_curve(axes: Axes, title: str, curve: pd.DataFrame) -> None:
    axes.set_title(title)
    axes.grid(axis="y", color="0.9", linewidth=0.7)
    low, high = curve["accuracy_low"], curve["accuracy_high"]
    axes.fill_between(curve["strength"], low, high, color=style.BLUE, alpha=0.3, linewidth=0)
    axes.plot(curve["strength"], curve["accuracy"], "o-", color=style.BLUE, markersize=3, label="accuracy")
    axes.plot(curve["strength"], curve["confidence"], "--", color=style.ORANGE, linewidth=1.2, label="mean confidence")


def draw_shifts(accuracies: NDArray[np.float64]) -> Figure:
    """Draw the accuracy in percent (2 n + 1, 2 n + 1) by how far images are moved: down in rows, right in columns."""
    longest = len(accuracies) // 2
    steps = np.arange(-longest, longest + 1)
    figure = Figure(figsize=(WIDTH, WIDTH + 0.4), dpi=DPI)
    axes = figure.subplots()
    axes.set_title("How many of 100 images are right when all are moved", fontsize=11)
    axes.imshow(100 * accuracies, cmap="Blues", vmin=0, vmax=100)
    style.write_numbers(axes, 100 * accuracies, light=55)
    axes.add_patch(Rectangle((longest - 0.5, longest - 0.5), 1, 1, fill=False, edgecolor=style.ORANGE, linewidth=2))
    labels = [f"{step:+d}".replace("-", "\N{MINUS SIGN}") if step else "0" for step in steps]
    axes.set_xticks(range(len(steps)), labels)
    axes.set_yticks(range(len(steps)), labels)
    axes.set(xlabel="pixels to the right", ylabel="pixels down")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def draw_samples(
    versions: NDArray[np.uint8],
    corruptions: Sequence[str],
    predicted: NDArray[np.uint8],
    label: int,
    names: Sequence[str],
) -> Figure:
    """Draw an image under each corruption (rows) and strength (columns), over the answer to it; wrong ones coloured.

    `versions` is (corruptions, strengths, height, width), `predicted` (corruptions, strengths). All images share the
    axes, whose unit is the inch: axes of its own for each take ten times as long to draw.
    """
    count, strengths, height, width = versions.shape
    across = (WIDTH - NAME) / strengths - GAP
    high = across * height / width
    row = max(high + LINE + GAP, LOWEST)
    figure = Figure(figsize=(WIDTH, LINE + count * row + 0.35), dpi=DPI)
    figure.suptitle(f"One image of class {names[label]}, and the answers to it as it changes")
    axes = figure.subplots()
    lefts = NAME + np.arange(strengths) * (across + GAP)
    for strength, left in enumerate(lefts):
        heading = f"strength {strength}" if strength == 0 else str(strength)
        axes.text(left + across / 2, LINE - 0.05, heading, ha="center", va="bottom")
    for number, (corruption, images, answers) in enumerate(zip(corruptions, versions, predicted, strict=True)):
        top = LINE + number * row
        axes.text(NAME - 0.07, top + high / 2, corruption.replace("_", " "), rotation=90, ha="right", va="center")
        for left, image, answer in zip(lefts, images, answers.tolist(), strict=True):
            wrong = answer != label
            colour = style.ORANGE if wrong else style.GREY
            axes.imshow(image, extent=(left, left + across, top + high, top), vmin=0, vmax=255)
            axes.add_patch(
                Rectangle((left, top), across, high, fill=False, edgecolor=colour, linewidth=1.6 if wrong else 0.4)
            )
            axes.text(
                left + across / 2, top + high + 0.03, names[answer], ha="center", va="top",
                color=style.ORANGE if wrong else "black", weight="bold" if wrong else "normal",
            )  # fmt: skip
    axes.set(xlim=(0, WIDTH), ylim=(LINE + count * row, 0))
    axes.set_axis_off()
    return figure
