"""What spoke for the answer to one image, and for the class that it is told from: by places and by filters."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from pipeline.figures import style

Array = NDArray[np.floating]

# A page shows every figure in its full width. So the letters of a narrow one are larger there, for a telephone too.
WIDTH = 5.6  # inches
DPI = 214  # as many pixels across as the other figures have
FOR, AGAINST = "#B2182B", "#2166AC"  # of the scale RdBu_r
SHOWN = 10  # filters
# of the table of filters, in inches: the height of a row, its kernel, where its name begins, where its two numbers
# end, between what its bar lies, and what the number at the end of a bar takes
ROW, KERNEL, NAME, COLUMNS, BARS, LABEL = 0.34, 0.28, 0.5, (2.05, 2.9), (3.15, 5.5), 0.45


def rivals(logits: Array, label: int) -> tuple[int, int]:
    """Return the answer to an image with logits (classes,), and what it is told from.

    That is the true class of a wrong answer, and the runner-up of a right one.
    """
    answer, second = np.argsort(-logits, kind="stable")[:2]
    return int(answer), int(second if answer == label else label)


def draw_places(
    image: NDArray[np.uint8],
    by_place: Array,
    bias: Array,
    logits: Array,
    label: int,
    names: Sequence[str],
    grid: tuple[float, int],
) -> Figure:
    """Draw an image, and its outline over what spoke for the answer, for its rival, and for the one against the other.

    `by_place` (height, width, classes) and `bias` (classes,) are shares of the logits (classes,), above 0 what speaks
    for a class; `grid` is the middle of the first place and the distance of two places, in pixels. The maps are on one
    scale around 0, and under each stands how it adds up to a logit, or to a difference of two.
    """
    answer, other = rivals(logits, label)
    ones = np.eye(len(logits))
    role = "the true class" if other == label else "the runner-up"
    panels = {
        f"what spoke for {names[answer]},\nthe answer": ones[answer],
        f"what spoke for {names[other]},\n{role}": ones[other],
        f"what spoke for {names[answer]}\nrather than {names[other]}": ones[answer] - ones[other],
    }
    maps = [by_place @ classes for classes in panels.values()]
    left = _left(by_place.sum(axis=(0, 1)), bias, logits)
    highest = max(float(np.abs(places).max()) for places in maps)
    height, width = image.shape
    figure = Figure(figsize=(WIDTH, 2 * (2.45 * min(height / width, 2) + 0.75) + 0.75), dpi=DPI)
    first, *others = figure.subplots(2, 2).flat
    style.show(first, image, f"the image:\n{names[label]}")
    _write_sum(first, ["for", "+ against", *(f"+ {name}" for name in left)], "logit")
    for axes, (title, classes), places in zip(others, panels.items(), maps, strict=True):
        extent = _extent(places.shape, *grid)
        drawn = style.show(axes, places, title, extent=extent, cmap="RdBu_r", vmin=-highest, vmax=highest)
        axes.set(xlim=first.get_xlim(), ylim=first.get_ylim(), facecolor=mpl.colormaps["RdBu_r"](0.5))
        _outline(axes, image)
        speaks = [places[places > 0].sum(), places[places < 0].sum()]
        parts = np.array([*speaks, *(values @ classes for values in left.values())])
        total = np.round(logits, 2) @ classes  # of two logits the difference that is seen
        parts[0] += total - parts.sum()
        _write_sum(axes, [_signed(part) for part in _rounded(parts)], _signed(total).removeprefix("+"))
    bar = figure.colorbar(drawn, ax=figure.axes, location="bottom", shrink=0.7, aspect=35)
    bar.set_label("a place's share of the logit: red speaks for, blue against")
    return figure


def _left(shares: Array, bias: Array, logits: Array) -> dict[str, Array]:
    """Return what all shares together leave of the logits, all (classes,), by name; the remainder where it shows."""
    remainder = logits - shares - bias
    if (np.abs(remainder) < 0.005).all():
        return {"bias": logits - shares}
    return {"bias": bias, "remainder": remainder}


def _extent(shape: tuple[int, ...], first: float, step: int) -> tuple[float, float, float, float]:
    """Return where maps (height, width) lie in the image, in pixels: left, right, bottom, top."""
    start, height, width = first - step / 2, *(step * size for size in shape)
    return start, start + width, start + height, start


def _outline(axes: Axes, image: NDArray[np.uint8]) -> None:
    """Draw the line around what is bright in an image, where it has any."""
    if min(image.shape) > 1 and image.max() > image.min():
        middle = (float(image.min()) + float(image.max())) / 2
        axes.contour(image, [middle], colors="black", linewidths=0.7, alpha=0.6)


def _rounded(parts: Array) -> Array:
    """Return numbers (n,) in two digits that add up to their own sum in two digits: rounded by largest remainders."""
    hundredths, remainders = np.divmod(100 * parts, 1)
    missing = int(np.rint(100 * parts.sum()) - hundredths.sum())
    hundredths[np.argsort(-remainders, kind="stable")[:missing]] += 1
    return hundredths / 100


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")


def _write_sum(axes: Axes, parts: Sequence[str], total: str) -> None:
    """Write under axes that parts, the first two in the colours of the maps, make up a total."""
    colours = [FOR, AGAINST, *["black"] * (len(parts) - 2)]
    texts = [TextArea(part, textprops={"color": colour}) for part, colour in zip(parts, colours, strict=True)]
    row = HPacker(children=[*texts, TextArea(f"= {total}")], pad=0, sep=4)
    box = AnchoredOffsetbox("upper center", child=row, pad=0.2, borderpad=0.3, frameon=False)
    box.set_bbox_to_anchor(Bbox.from_bounds(0.5, 0, 0, 0), axes.transAxes)
    axes.add_artist(box)


def draw_filters(
    by_filter: Array,
    bias: Array,
    logits: Array,
    label: int,
    names: Sequence[str],
    kernels: Sequence[Array] | None = None,
) -> Figure:
    """Draw which filters spoke for the answer rather than for its rival, beside their kernels (height, width).

    `by_filter` (filters, classes) and `bias` (classes,) are shares of the logits (classes,). A row a filter, the ten
    that tell the two classes apart most: its shares of both logits, and their difference, as a bar. What is left stands
    below them, so that every column adds up to its logit.
    """
    pair = rivals(logits, label)
    answer, other = (names[number] for number in pair)
    shown, table = _table(by_filter[:, pair], bias[[*pair]], logits[[*pair]])
    height = ROW * (len(table) + 2.3)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.text(0.1, -1.2 * ROW, f"Which filters spoke for {answer} rather than {other}", fontsize=11, va="center")
    left, right = BARS
    for place, text, side, colour in (
        (COLUMNS[0], f"logit of\n{answer}", "right", "black"),
        (COLUMNS[1], f"logit of\n{other}", "right", "black"),
        (left, f"more for\n{other}", "left", AGAINST),
        (right, f"more for\n{answer}", "right", FOR),
    ):
        axes.text(place, 0.4 * ROW, text, ha=side, va="bottom", color=colour)
    differences = [one - two for one, two in table.values()]
    bars = np.array(differences[: len(shown)])
    low, high = min(bars.min(), 0), max(bars.max(), 0)
    scale = (right - left - 2 * LABEL) / max(high - low, 0.01)  # inches
    zero = left + LABEL - low * scale
    lines = ROW * np.arange(1, len(table) + 1)
    axes.barh(lines[: len(bars)], bars * scale, 0.6 * ROW, left=zero, color=np.where(bars < 0, AGAINST, FOR))
    ends = zero + np.append(bars * scale, np.zeros(len(table) - len(bars)))
    for (name, shares), difference, line, end in zip(table.items(), differences, lines, ends, strict=True):
        look = {"va": "center", "weight": "bold" if name == "logit" else "normal"}
        axes.text(NAME, line, name, look)
        for place, share in zip(COLUMNS, shares, strict=True):
            axes.text(place, line, _signed(share), look, ha="right")
        side = "right" if difference < 0 else "left"
        axes.text(end + np.copysign(0.05, difference), line, _signed(difference), look, ha=side)
    axes.plot([zero, zero], [0.5 * ROW, ROW * (len(bars) + 0.5)], color="black", linewidth=0.6)
    axes.plot([0.1, right], [ROW * (len(table) - 0.5)] * 2, color="black", linewidth=0.6)
    if kernels is not None:
        _draw_kernels(axes, [kernels[number] for number in shown], max(float(np.abs(one).max()) for one in kernels))
    axes.set(xlim=(0, WIDTH), ylim=(height - 1.7 * ROW, -1.7 * ROW))  # in inches
    return figure


def _table(shares: Array, bias: Array, logits: Array) -> tuple[NDArray[np.intp], dict[str, tuple[float, float]]]:
    """Return the filters that tell two classes apart most, and the parts of both logits by name, with the logits.

    `shares` is (filters, 2), `bias` and `logits` (2,). In two digits, which add up.
    """
    difference = shares @ [1, -1]
    most = np.argsort(-np.abs(difference), kind="stable")[:SHOWN]
    most = most[np.argsort(-difference[most], kind="stable")]
    parts: dict[str, Array] = {f"filter {number}": shares[number] for number in most}
    if len(shares) > len(most):
        parts[f"the other {len(shares) - len(most)}"] = np.delete(shares, most, axis=0).sum(axis=0)
    parts |= _left(shares.sum(axis=0), bias, logits)
    one, other = (_rounded(column) for column in np.array(list(parts.values())).T)
    columns = [*one, one.sum()], [*other, other.sum()]
    return most, dict(zip([*parts, "logit"], zip(*columns, strict=True), strict=True))


def _draw_kernels(axes: Axes, kernels: Sequence[Array], highest: float) -> None:
    """Draw kernels (height, width), a row each, on one scale to `highest` and as far below 0."""
    for row, kernel in enumerate(kernels, 1):
        left, top = 0.1, row * ROW - KERNEL / 2
        extent = (left, left + KERNEL, top + KERNEL, top)
        axes.imshow(kernel, extent=extent, cmap="RdBu_r", vmin=-highest, vmax=highest, aspect="auto")
        axes.add_patch(Rectangle((left, top), KERNEL, KERNEL, fill=False, edgecolor=style.GREY, linewidth=0.4))
