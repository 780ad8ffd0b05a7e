"""How the network learns, and what it sees in an image."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.figures import style


def draw_curves(history: pd.DataFrame, best: int) -> Figure:
    """Draw loss and accuracy by epoch, training against validation, and the best epoch, whose weights were kept."""
    figure, ((losses, accuracies),) = style.canvas(1, 2, height=3.0)
    for axes, measure, title in ((losses, "loss", "loss"), (accuracies, "accuracy", "accuracy")):
        axes.plot(history["epoch"], history[measure], "o-", color=style.GREY, label="training")
        axes.plot(history["epoch"], history[f"val_{measure}"], "o-", color=style.BLUE, label="validation")
        if best < len(history):
            axes.axvline(best, color=style.ORANGE, linewidth=0.8, label="best epoch")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend()
    return figure


def draw_activations(maps: NDArray[np.float32], layer: str) -> Figure:
    """Draw activation maps (height, width, filters) in filter order, on one scale from or around 0."""
    height, width, filters = maps.shape
    heading = f"{layer}: {filters} activation maps of {height}x{width}"
    pictures, titles = list(np.moveaxis(maps, -1, 0)), [str(number) for number in range(filters)]
    return style.image_grid(pictures, titles, heading, scale="symmetric" if maps.min() < 0 else "common")


def draw_followed(
    image: NDArray[np.uint8], kernel: NDArray[np.floating], stations: Mapping[str, NDArray[np.floating]], number: int
) -> Figure:
    """Draw an image, one kernel with its numbers, and what the filter's map is after each named layer."""
    figure, (places,) = style.canvas(1, 2 + len(stations), height=8 / (2 + len(stations)) + 0.5)
    figure.suptitle(f"Filter {number} followed through the network")
    style.show(places[0], image, "the image")
    highest = float(np.abs(kernel).max())
    style.show(places[1], kernel, f"kernel {number}", cmap="RdBu_r", vmin=-highest, vmax=highest)
    if kernel.size <= 25:
        style.write_numbers(places[1], kernel, "{:.2f}", dark=-highest * 0.6, light=highest * 0.6)
    for place, (layer, picture) in zip(places[2:], stations.items(), strict=True):
        style.show(place, picture, f"after {layer}, {picture.shape[0]}x{picture.shape[1]}")
    return figure
