"""Kernels, what they make of an image, and how well they find edges."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from pipeline.figures import style

Array = NDArray[np.floating]

INCHES = 5.4  # across, of what has many words: letters that can be read on a phone, and as many pixels as the others


def draw_random(
    image: NDArray[np.uint8],
    kernels: Array,
    responses: list[Array],
    edge: list[float | None],
    ends: tuple[float, float] = (-1, 0),
) -> Figure:
    """Draw an image, and beside it each random kernel above its response, with its edge AUROC.

    The ends of the kernels' range are drawn black and white.
    """
    columns = 5
    rows = -(-len(kernels) // columns)
    figure, axes = style.canvas(2 * rows, columns + 1, height=2.2 * rows + 0.3, height_ratios=[0.6, 1] * rows)
    figure.suptitle("Random kernels, and what they make of the image")
    for place in axes.flat:
        place.set_axis_off()
    style.show(axes[1, 0], image, "the image")
    for number, (kernel, result, measure) in enumerate(zip(kernels, responses, edge, strict=True)):
        above, below = axes[2 * (number // columns) :, 1 + number % columns][:2]
        style.show(above, kernel, f"kernel {number}", vmin=ends[0], vmax=ends[1])
        style.show(below, result, "response" if measure is None else f"edge AUROC {measure:.2f}")
    return figure


def draw_edge(image: NDArray[np.uint8], laplacian: Array, edge_response: Array, edge: float | None) -> Figure:
    """Draw an image, the Laplacian kernel with its numbers, and its response."""
    figure, ((original, kernel, result),) = style.canvas(1, 3, height=2.9)
    figure.suptitle("The Laplacian edge kernel")
    style.show(original, image, "the image")
    style.show(kernel, laplacian, "the kernel", cmap="RdBu_r", vmin=-4, vmax=4)
    style.write_numbers(kernel, laplacian, dark=-2)
    style.show(result, edge_response, "its response" + (f", edge AUROC {edge:.2f}" if edge is not None else ""))
    return figure


def draw_pooling(picture: Array, pooled: Array, corner: tuple[int, int]) -> Figure:
    """Draw a response (height, width), a 4x4 patch of it with its numbers, the patch pooled, and all of it pooled.

    The corner (row, column) is the patch's top left one, on the grid of the 2x2 windows.
    """
    row, column = corner
    patch = picture[row : row + 4, column : column + 4]
    pooled_patch = pooled[row // 2 : row // 2 + 2, column // 2 : column // 2 + 2]
    scale = {"vmin": picture.min(), "vmax": picture.max()}
    middle = (picture.min() + picture.max()) / 2
    figure, ((whole, before, after, small),) = style.canvas(1, 4, height=2.5)
    figure.suptitle("Max pooling keeps the largest of each 2x2 window")
    style.show(whole, picture, "response, {}x{}".format(*picture.shape), **scale)
    whole.add_patch(Rectangle((column - 0.5, row - 0.5), 4, 4, fill=False, edgecolor=style.ORANGE, linewidth=2))
    style.show(before, patch, "the marked 4x4 patch", **scale)
    style.write_numbers(before, patch, dark=middle)
    for top in (0, 2):
        for left in (0, 2):
            before.add_patch(Rectangle((left - 0.5, top - 0.5), 2, 2, fill=False, edgecolor=style.ORANGE, linewidth=2))
    style.show(after, pooled_patch, "pooled to 2x2", **scale)
    style.write_numbers(after, pooled_patch, dark=middle)
    style.show(small, pooled, "all of it pooled, {}x{}".format(*pooled.shape), **scale)
    small.add_patch(Rectangle((column / 2 - 0.5, row / 2 - 0.5), 2, 2, fill=False, edgecolor=style.ORANGE, linewidth=2))
    return figure


def draw_kernels(kernels: Sequence[Array], titles: Sequence[str], heading: str, highest: float) -> Figure:
    """Draw kernels (height, width) in rows, each under its title, on one scale from -highest to highest."""
    columns = 8
    figure, ((axes,),) = _narrow_canvas(style.mosaic_height(kernels, titles, columns, INCHES) + 0.4)
    figure.suptitle(heading)
    scale = {"cmap": "RdBu_r", "vmin": -highest, "vmax": highest}
    drawn = style.mosaic(axes, kernels, titles, columns, INCHES, **scale)
    figure.colorbar(drawn, ax=axes, pad=0.02, aspect=8 * -(-len(kernels) // columns))
    return figure


def draw_edge_auroc(groups: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the edge AUROC of every kernel of each group, and each group's mean."""
    figure, ((axes,),) = style.canvas(1, 1, height=0.45 * len(groups) + 1.0)
    for row, values in enumerate(groups.values()):
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.scatter(values, row + spread, s=14, color=style.BLUE, alpha=0.7, linewidths=0)
        axes.plot([np.mean(values)] * 2, [row - 0.35, row + 0.35], color=style.ORANGE, linewidth=2)
    axes.axvline(0.5, color=style.GREY, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="edge AUROC: below 0.5 stronger on flat ink, above 0.5 stronger on edges")
    axes.set_title("Which kernels tell edges from flat ink (orange: mean)")
    return figure


def draw_types(kernels: Sequence[Array], matches: Sequence[Array | None], table: pd.DataFrame) -> Figure:
    """Draw kernels (height, width), each beside the textbook kernel that it is like, if there is one.

    The table has a row a kernel, in their order, those of a type together: filter, type, direction, similarity. Each
    kernel is drawn over its largest value.
    """
    side, gap, line, heading = 0.56, 0.04, 0.15, 0.3  # inches: of a kernel, between a pair, of a title, of a heading
    figure, ((axes,),) = _narrow_canvas(1.0)
    figure.suptitle(
        "Learnt kernels, each with the textbook kernel that\nit is like (number of the filter: cosine of the two)"
    )

    def put(kernel: Array, left: float, top: float) -> None:
        highest = max(float(np.abs(kernel).max()), 1e-12)
        extent = (left, left + side, top + side, top)
        axes.imshow(kernel, extent=extent, cmap="RdBu_r", vmin=-highest, vmax=highest)
        axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=style.GREY, linewidth=0.4))

    top = 0.0
    told = zip(kernels, matches, table.to_dict("records"), strict=True)
    for kind, members in groupby(told, key=lambda one: one[2]["type"]):
        of_type = list(members)
        columns, wide = (4, 2 * side + gap) if of_type[0][1] is not None else (7, side)
        lines = 2 if any(row["direction"] for *_, row in of_type) else 1
        high = lines * line + side + 0.1
        axes.text(0, top + heading - 0.08, f"{kind}: {len(of_type)}", va="baseline", weight="bold")
        top += heading
        for number, (kernel, match, row) in enumerate(of_type):
            left, middle = number % columns * INCHES / columns, top + number // columns * high + lines * line + 0.02
            words = [f"{row['filter']}: {row['similarity']:.2f}", row["direction"]][:lines]
            for above, text in enumerate(reversed(words)):  # each on its own line, whichever letters reach below it
                axes.text(left + wide / 2, middle - 0.05 - above * line, text, ha="center", va="baseline")
            put(kernel, left, middle)
            if match is not None:
                put(match, left + side + gap, middle)
        top += -(-len(of_type) // columns) * high
    figure.set_figheight(top + 0.55)
    axes.set(xlim=(-0.02, INCHES - 0.1), ylim=(top, 0))
    axes.set_axis_off()
    return figure


def draw_ridge(table: pd.DataFrame) -> Figure:
    """Draw the accuracy of a last layer in closed form, a row a group of kernels: words, accuracy, low, high."""
    figure, ((axes,),) = _narrow_canvas(1.0 + 0.38 * len(table))
    rows = np.arange(len(table))
    axes.hlines(rows, table["low"], table["high"], color=style.BLUE, linewidth=2, alpha=0.5)
    axes.plot(table["accuracy"], rows, "o", color=style.BLUE)
    for row, value, end in zip(rows, table["accuracy"], table["high"], strict=True):
        axes.text(end, row, f" {100 * value:.1f} %", va="center")
    axes.set_yticks(rows, table["words"])
    axes.set(ylim=(len(table) - 0.5, -0.5), xlabel="test images that are right, and the 95 % interval")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.margins(x=0.22)
    figure.suptitle("What kernels are worth to a last layer alone")
    return figure


def _narrow_canvas(height: float) -> tuple[Figure, NDArray[Any]]:
    """Return a figure of INCHES across, `height` inches high, and its axes."""
    figure = Figure(figsize=(INCHES, height), dpi=style.WIDTH / INCHES * rcParams["figure.dpi"])
    return figure, figure.subplots(squeeze=False)
