"""How figures look, the pieces more than one of them uses, and saving them without time stamps."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.data import files

# Okabe and Ito's palette, told apart by colour-blind readers too
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
SERIES = ["#000000", BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00"]  # without the yellow: too light for a line
WIDTH = 8.0  # inches, the text column of the report

mpl.rcdefaults()  # whatever the user's matplotlibrc says: other fonts, faces or dots an inch are other bytes
mpl.rcParams.update(
    {
        "figure.dpi": 150,
        "figure.constrained_layout.use": True,
        "font.size": 9,
        "axes.titlesize": 9,
        "figure.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "legend.frameon": False,
        "text.parse_math": False,  # a dollar in a class's name is a dollar
        "image.cmap": "gray",
        "image.interpolation": "none",
        "svg.hashsalt": "convscope",  # else the names inside an SVG are random
    }
)


def canvas(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, NDArray[Any]]:
    """Return a figure as wide as the report's column, `height` inches high, and its (rows, columns) axes."""
    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def show(axes: Axes, image: NDArray[Any], title: str = "", **options: Any) -> AxesImage:
    """Draw an image (height, width) in a thin frame, without ticks."""
    axes.set(title=title, xticks=[], yticks=[])
    axes.set_axis_on()
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.4)
    return axes.imshow(image, **options)


def mosaic_height(images: Sequence[NDArray[Any]], titles: Sequence[str], columns: int, across: float = WIDTH) -> float:
    """Return how high `mosaic` is, in inches, where it is so many inches across."""
    _, height, above = _cell(images, titles, columns, across)
    return -(-len(images) // columns) * (above + height)


def _cell(
    images: Sequence[NDArray[Any]], titles: Sequence[str], columns: int, across: float
) -> tuple[float, float, float]:
    """Return the width and height of an image of a mosaic, and the height of the titles above it, in inches."""
    width = 0.86 * across / columns
    rows, length = images[0].shape
    return width, width * rows / length, 0.1 + 0.15 * max(1 + title.count("\n") for title in titles)


def mosaic(
    axes: Axes,
    images: Sequence[NDArray[Any]],
    titles: Sequence[str],
    columns: int,
    across: float = WIDTH,
    **options: Any,
) -> AxesImage:
    """Draw images (height, width) of one size in rows, each under its title, and return the last.

    They share the axes, so many inches across, whose unit is the inch: axes of its own for each take ten times as long
    to draw.
    """
    width, height, above = _cell(images, titles, columns, across)
    for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        left = number % columns * across / columns
        top = number // columns * (above + height) + above
        drawn = axes.imshow(image, extent=(left, left + width, top + height, top), **options)
        axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=GREY, linewidth=0.4))
        axes.text(left + width / 2, top - 0.04, title, ha="center", va="bottom")
    bottom = mosaic_height(images, titles, columns, across) + 0.02
    axes.set(xlim=(-0.02, across - across / columns + width + 0.02), ylim=(bottom, 0))
    axes.set_axis_off()
    return drawn


def image_grid(
    images: Sequence[NDArray[Any]],
    titles: Sequence[str],
    heading: str,
    columns: int = 8,
    scale: Literal["own", "common", "symmetric"] = "own",
) -> Figure:
    """Return images (height, width) in rows, each with its title.

    `scale` is "own" for each image from its minimum to its maximum, "common" for one scale from 0, "symmetric" for
    one blue to red scale around 0; the latter two with a colour bar.
    """
    figure, ((axes,),) = canvas(1, 1, height=mosaic_height(images, titles, columns) + 0.4)
    figure.suptitle(heading)
    options: dict[str, Any] = {}
    if scale != "own":
        highest = max(float(np.abs(image).max()) for image in images)
        options = {"vmin": 0, "vmax": highest}
    if scale == "symmetric":
        options = {"vmin": -highest, "vmax": highest, "cmap": "RdBu_r"}
    drawn = mosaic(axes, images, titles, columns, **options)
    if scale != "own":
        figure.colorbar(drawn, ax=axes, shrink=0.6, aspect=30, pad=0.02)
    return figure


def short_names(names: Sequence[str], longest: int = 11) -> list[str]:
    """Return names of classes as figures write them: short, distinct; a number where the font lacks a letter."""
    glyphs = get_font(findfont("DejaVu Sans")).get_charmap()
    drawn = [name if all(ord(sign) in glyphs for sign in name) else f"class {n}" for n, name in enumerate(names)]
    short = [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in drawn]
    return [
        f"{name[: longest - 1 - len(str(n))]}…{n}" if short.count(name) > 1 else name for n, name in enumerate(short)
    ]


def name_ticks(axis: Axis, names: Sequence[str]) -> None:
    """Put a name at each whole number of an axis, upright under the x-axis where long ones would overlap."""
    axis.set_ticks(range(len(names)), names)
    if isinstance(axis, XAxis) and max(map(len, names)) > 3:
        axis.set_tick_params(rotation=90)


def write_numbers(
    axes: Axes, values: NDArray[Any], form: str = "{:.0f}", dark: float = -np.inf, light: float = np.inf
) -> None:
    """Write each value (rows, columns) on its cell of an image, in white below `dark` and above `light`."""
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if dark <= value <= light else "white"
        text = form.format(value)
        text = text.lstrip("-") if float(text) == 0 else text
        axes.text(column, row, text, ha="center", va="center", color=colour)


def encode(figure: Figure, form: Literal["png", "svg"]) -> bytes:
    """Return a figure as a file's content, the same bytes for the same figure.

    By the canvas itself: `savefig` draws a figure twice, the first time to lay it out.
    """
    content = io.BytesIO()
    canvas = FigureCanvasAgg(figure) if form == "png" else FigureCanvasSVG(figure)
    if layout := figure.get_layout_engine():
        dots = figure.dpi
        layout.execute(figure)
        figure.dpi = dots  # of which SVG's own 72 were made
        figure.set_layout_engine("none")  # it stays where it is, and is not laid out again
    if isinstance(canvas, FigureCanvasAgg):
        canvas.print_png(content, metadata={"Software": None})  # type: ignore[no-untyped-call]
    else:
        canvas.print_svg(content, metadata={"Creator": None, "Date": None})  # type: ignore[no-untyped-call]
    return content.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, and beside it as SVG for slides."""
    files.write_bytes(path, encode(figure, "png"))
    files.write_bytes(path.with_suffix(".svg"), encode(figure, "svg"))
