"""What is in a figure."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def mosaics_of(figure: Figure) -> list[Axes]:
    """The axes with images in them, not the colour bars."""
    return [axes for axes in figure.axes if axes.images]


def titles_of(axes: Axes) -> list[str]:
    """The titles of a mosaic's images."""
    return [text.get_text() for text in axes.texts]
