"""Drawings as pictures of them: on paper, in uneven light, as the files of a camera."""

import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.sources.strokes import Point, Stroke, drawn

DRAWINGS: dict[str, list[list[Point]]] = {
    "one": [[(140, 40), (140, 240)]],
    "seven": [[(70, 60), (210, 60), (120, 230)]],
    "plus": [[(140, 60), (140, 220)], [(60, 140), (220, 140)]],
}


def ink(name: str, radius: float = 11) -> NDArray[np.uint8]:
    """A drawing on a canvas of 280x280."""
    return drawn([Stroke([a, b], radius) for line in DRAWINGS[name] for a, b in pairwise(line)], (280, 280))


def on_paper(
    strokes: NDArray[np.uint8], size: tuple[int, int] = (600, 500), place: tuple[int, int] = (150, 90),
    paper: float = 230, pen: float = 45,
) -> NDArray[np.float64]:  # fmt: skip
    """Strokes on a sheet (height, width) whose light is even."""
    cover = np.zeros(size)
    cover[place[0] : place[0] + strokes.shape[0], place[1] : place[1] + strokes.shape[1]] = strokes / 255
    return paper * (1 - cover) + pen * cover


def shaded(sheet: NDArray[np.float64], darkest: float = 0.45) -> NDArray[np.float64]:
    """A sheet whose light fades towards one corner, as behind a hand."""
    fade = np.add.outer(np.linspace(0, 1, sheet.shape[0]), np.linspace(0, 1, sheet.shape[1])) / 2
    return sheet * (1 - (1 - darkest) * fade)


def beside_shadow(sheet: NDArray[np.float64]) -> NDArray[np.float64]:
    """A sheet of which a soft shadow covers two thirds, right across what is drawn there."""
    across = np.linspace(-3, 6, sheet.shape[1]) + np.linspace(0, 1, sheet.shape[0])[:, np.newaxis]
    return sheet * (1 - 0.5 / (1 + np.exp(-4 * across)))


def encoded(values: NDArray[np.floating] | NDArray[np.integer], form: str = "PNG", **settings: int) -> bytes:
    """A picture's file, of grey values (height, width) or of colour and alpha (height, width, 4)."""
    pixels = values if values.dtype == np.uint16 else np.clip(np.rint(values), 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form, **settings)
    return content.getvalue()
