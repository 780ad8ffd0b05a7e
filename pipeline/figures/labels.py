"""The images whose labels the network doubts."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.figures import style


def draw_doubtful(
    images: NDArray[np.uint8], table: Mapping[str, NDArray[np.generic]], names: Sequence[str], heading: str
) -> Figure:
    """Draw doubtful images (n, height, width) in the order of their table: label, an arrow, the network's answer.

    The table has the columns label, predicted and probability_of_predicted.
    """
    long = max(map(len, names)) > 3
    line = "\n" if long else " "
    columns = (table[name].tolist() for name in ("label", "predicted", "probability_of_predicted"))
    titles = [
        f"{names[label]} →{line}{names[predicted]} ({probability:.2f})"
        for label, predicted, probability in zip(*columns, strict=True)
    ]
    return style.image_grid(list(images), titles, heading, columns=6 if long else 8)
