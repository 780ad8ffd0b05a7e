"""Two runs, A and B, over each other or side by side, each panel narrow enough for a phone."""

import io

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from pipeline.figures import style

COLOURS = {"A": style.BLUE, "B": style.ORANGE}
PANEL = 4.0  # inches: half of a page's column, or a phone's whole one


def draw_curves(histories: dict[str, pd.DataFrame], measure: str) -> Figure:
    """Draw loss or accuracy by epoch of each run, validation as a line and training dashed."""
    figure = Figure(figsize=(PANEL, 2.9))
    axes = figure.subplots()
    for (name, history), marker in zip(histories.items(), "os", strict=True):
        colour = COLOURS[name]
        axes.plot(history["epoch"], history[measure], "--", color=colour, linewidth=1, label=f"{name}, training")
        axes.plot(
            history["epoch"], history[f"val_{measure}"], f"{marker}-", color=colour, markersize=4,
            label=f"{name}, validation",
        )  # fmt: skip
    axes.set(title=measure, xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend()
    return figure


def draw_kernels(kernels: list[NDArray[np.float32]], highest: float) -> Figure:
    """Draw kernels (height, width), eight a row, on one scale from -highest to highest."""
    columns = 8
    figure = Figure(figsize=(PANEL, 0.5 * -(-len(kernels) // columns) + 0.1))
    axes = figure.subplots(-(-len(kernels) // columns), columns, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for place, kernel in zip(axes.flat, kernels, strict=False):
        style.show(place, kernel, cmap="RdBu_r", vmin=-highest, vmax=highest)
    return figure


def pixels(image: NDArray[np.uint8]) -> bytes:
    """Return an image (height, width) as a PNG of just its pixels."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "png")
    return content.getvalue()
