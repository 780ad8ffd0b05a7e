"""What spoke for the answer to one image, and for the class that it is told from: by places and by filters."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.figures import style

Array = NDArray[np.floating]

# A page draws every figure in its full width: in a narrow one the letters are larger there, for a telephone too
WIDTH = 5.6  # inches
DPI = 210
FOR, AGAINST = "#B2182B", "#2166AC"  # of RdBu_r
SHOWN = 10  # filters
# of the figure of filters, in inches: a row's height, its kernel, where its name stands, where its two numbers end,
# where its bar may lie, and what a bar's number takes
ROW, KERNEL, NAME, COLUMNS, BARS, LABEL = 0.34, 0.28, 0.5, (2.05, 2.95), (3.1, 5.5), 0.45


def rivals(logits: Array, label: int) -> tuple[int, int]:
    """Return the answer to an image with logits (classes,), and what it is told from.

    That is the true class of a wrong answer, and the runner-up of a right one.
    """
    answer, second = np.argsort(-logits, kind="stable")[:2]
    return int(answer), int(second if answer == label else label)


def draw_places(
    image: NDArray[np.uint8], by_place: Array, bias: Array, logits: Array, label: int, names: Sequence[str],
    grid: tuple[float, int],
) -> Figure:  # fmt: skip
    """Draw an image and its outline over what spoke for the answer, for its rival, and for the one against the other.

    `by_place` (height, width, classes) and `bias` (classes,) are shares of the logits (classes,), above 0 what speaks
    for a class; `grid` is the middle of the first place and the distance of places, in pixels. The maps are on one
    scale around 0. Under each stand its sums and what makes a logit of them.
    """
    answer, other = rivals(logits, label)
    ones = np.eye(len(logits))
    role = "the true class" if other == label else "the runner-up"
    questions = {
        f"what spoke for {names[answer]},\nthe answer": ones[answer],
        f"what spoke for {names[other]},\n{role}": ones[other],
        f"what spoke for {names[answer]}\nrather than {names[other]}": ones[answer] - ones[other],
    }
    maps = [by_place @ classes for classes in questions.values()]
    highest = max(float(np.abs(places).max()) for places in maps)
    rows, columns = image.shape
    figure = Figure(figsize=(WIDTH, 2 * (2.45 * min(rows / columns, 2) + 0.55) + 0.5), dpi=DPI)
    first, *others = figure.subplots(2, 2).flat
    style.show(first, image, f"the image:\n{names[label]}")
    remains = _remains(by_place.sum(axis=(0, 1)), bias, logits)
    _write(first, ["for", "+ against", "+ bias", *["+ remainder"] * remains], "logit")
    for axes, title, places, classes in zip(others, questions, maps, questions.values(), strict=True):
        drawn = style.show(
            axes, places, title, extent=_extent(places.shape, grid), cmap="RdBu_r", vmin=-highest, vmax=highest
        )
        axes.set(xlim=first.get_xlim(), ylim=first.get_ylim(), facecolor=mpl.colormaps["RdBu_r"](0.5))
        _outline(axes, image)
        parts = [places[places > 0].sum(), places[places < 0].sum(), float(bias @ classes)]
        _write(axes, *_sum(parts, float(logits @ classes), remains))
    bar = figure.colorbar(drawn, ax=figure.axes, location="bottom", shrink=0.7, aspect=35)
    bar.set_label("a place's share of the logit: red speaks for, blue against")
    return figure


def _extent(shape: tuple[int, ...], grid: tuple[float, int]) -> tuple[float, float, float, float]:
    """Return where maps (height, width) lie in the image, in pixels: left, right, bottom, top."""
    first, step = grid
    start, height, width = first - step / 2, *(step * size for size in shape)
    return start, start + width, start + height, start


def _outline(axes: Axes, image: NDArray[np.uint8]) -> None:
    """Draw the line around what is bright in an image, where it has any."""
    if min(image.shape) > 1 and image.max() > image.min():
        middle = (float(image.min()) + float(image.max())) / 2
        axes.contour(image, [middle], colors="black", linewidths=0.7, alpha=0.6)


def _remains(shares: Array, bias: Array, logits: Array) -> bool:
    """Tell whether shares and bias leave more of a logit (classes,) than two digits hide."""
    return bool((np.abs(logits - shares - bias) >= 0.005).any())


def _sum(parts: Sequence[float], total: float, remains: bool) -> tuple[list[str], str]:
    """Return parts of a total, what they leave of it where it is asked for, and the total, in two digits that add up.

    The first part takes what the rounding of all of them leaves.
    """
    rounded = [round(part, 2) for part in [*parts, *([total - sum(parts)] if remains else [])]]
    rounded[0] += round(total, 2) - sum(rounded)
    return [signed(part) for part in rounded], signed(total).removeprefix("+")


def signed(value: float) -> str:
    """Return a number in two digits with its sign."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")


def _write(axes: Axes, parts: Sequence[str], total: str) -> None:
    """Write under axes that parts, in the colours of for and against, make up a total."""
    colours = [FOR, AGAINST, *["black"] * len(parts)]
    texts = [TextArea(part, textprops={"color": colour}) for part, colour in zip(parts, colours, strict=False)]
    row = HPacker(children=[*texts, TextArea(f"= {total}")], pad=0, sep=4)
    axes.add_artist(
        AnchoredOffsetbox(
            "upper center",
            child=row,
            pad=0,
            borderpad=0.3,
            frameon=False,
            bbox_to_anchor=(0.5, 0),
            bbox_transform=axes.transAxes,
        )
    )


def draw_filters(
    by_filter: Array, bias: Array, logits: Array, label: int, names: Sequence[str],
    kernels: Sequence[Array] | None = None,
) -> Figure:  # fmt: skip
    """Draw which filters spoke for the answer rather than for its rival, beside their kernels (height, width).

    `by_filter` (filters, classes) and `bias` (classes,) are shares of the logits (classes,). A row a filter, the ten
    that tell the two classes apart most: its shares of both logits, and a bar, the difference. What is left stands
    below them, so that every column adds up to its logit.
    """
    pair = list(rivals(logits, label))
    difference = by_filter[:, pair] @ [1, -1]
    most = np.argsort(-np.abs(difference), kind="stable")[:SHOWN]
    most = most[np.argsort(-difference[most], kind="stable")]
    table = {f"filter {number}": by_filter[number, pair] for number in most}
    others = len(difference) - len(most)
    if others:
        table[f"{others} other{'s' * (others > 1)}"] = np.delete(by_filter, most, axis=0).sum(axis=0)[pair]
    table["bias"] = bias[pair]
    shares = by_filter.sum(axis=0)
    if _remains(shares, bias, logits):
        table["remainder"] = (logits - shares - bias)[pair]
    rows, total = np.round(list(table.values()), 2), np.round(logits[pair], 2)
    rows[len(most)] += total - rows.sum(axis=0)  # what rounding leaves

    figure = Figure(figsize=(WIDTH, ROW * (len(rows) + 3.4)), dpi=DPI)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(ROW * (len(rows) + 1.6), ROW * -1.8))  # in inches
    axes.set_axis_off()
    answer, other = (names[number] for number in pair)
    axes.text(0.1, -1.2 * ROW, f"which filters spoke for {answer} rather than {other}", fontsize=11, va="center")
    for place, name in zip(COLUMNS, (answer, other), strict=True):
        axes.text(place, 0, name, ha="right", va="center")
    left, right = BARS
    axes.text(left, 0, f"for {other}", color=AGAINST, va="center")
    axes.text(right, 0, f"for {answer}", color=FOR, ha="right", va="center")
    low, high = min(difference.min(), 0), max(difference.max(), 0)
    scale = (right - left - 2 * LABEL) / max(high - low, 1e-9)
    zero = left + LABEL - low * scale
    axes.plot([zero, zero], [0.5 * ROW, ROW * (len(most) + 0.5)], color=style.GREY, linewidth=0.6)
    axes.plot([0.1, right], [ROW * (len(rows) + 0.5)] * 2, color="black", linewidth=0.6)
    for line, (name, numbers) in enumerate(zip([*table, "logit"], [*rows, total], strict=True), 1):
        bold = "bold" if name == "logit" else "normal"
        axes.text(NAME, line * ROW, name, va="center", weight=bold)
        for place, number in zip(COLUMNS, numbers, strict=True):
            axes.text(place, line * ROW, signed(number), ha="right", va="center", weight=bold)
        length = difference[most[line - 1]] * scale if line <= len(most) else 0.0
        more = numbers[0] - numbers[1]
        axes.add_patch(Rectangle((zero, (line - 0.3) * ROW), length, 0.6 * ROW, color=FOR if length > 0 else AGAINST))
        axes.text(
            zero + length + np.copysign(0.05, more), line * ROW, signed(more), ha="left" if more >= 0 else "right",
            va="center", weight=bold,
        )  # fmt: skip
    if kernels:
        highest = max(float(np.abs(kernel).max()) for kernel in kernels)
        for line, number in enumerate(most, 1):
            extent = (0.1, 0.1 + KERNEL, line * ROW + KERNEL / 2, line * ROW - KERNEL / 2)
            axes.imshow(kernels[number], extent=extent, cmap="RdBu_r", vmin=-highest, vmax=highest, aspect="auto")
            axes.add_patch(Rectangle((0.1, extent[3]), KERNEL, KERNEL, fill=False, edgecolor=style.GREY, linewidth=0.4))
    return figure
