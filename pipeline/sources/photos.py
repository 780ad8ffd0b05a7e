"""A photo or a picture of a digit as ink: dark or bright, on paper in uneven light, on no ground at all.

The page on which one draws does the same arithmetic, in doubles.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config.errors import UserError
from pipeline.sources.centred import SLACK, area_average
from pipeline.sources.pictures import in_grey, upright

LONGER = 280  # pixels of the longer side of what is looked at
FAINTEST = 24  # grey levels of 255 between ink and background, fewer are noise
STROKE = 10  # the longer side over this is half a window that is wider than a stroke, narrower than a shadow
DIGIT = 7  # and over this, half a window that has more ground than ink

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Ink:
    """The ink (height, width) of a picture, 0 for none, and how it came about."""

    ink: Grey
    inverted: bool
    shadow: int | None = None  # grey levels by which the background differed; None: it was left
    ready: bool = False  # a picture of the network's own size is an image already


def read_grey(path: str, content: bytes) -> Grey:
    """Return one picture in grey (height, width), upright, its transparent pixels filled.

    Grey is ITU-R 601's, (19595 R + 38470 G + 7471 B + 32768) >> 16. Transparent pixels are filled with black, or with
    white where what is visible is dark: the mean grey, weighted by alpha, below 128. Raises UserError as
    `pictures.upright` does.
    """
    with upright(path, content, (LONGER, LONGER)) as picture:
        if not picture.has_transparency_data:
            return np.asarray(in_grey(picture, None, grey=True), np.uint8)
        coloured = picture.convert("RGBA")
        grey, alpha = coloured.convert("RGB").convert("L"), coloured.getchannel("A")
        return filled(np.asarray(grey, np.uint8), np.asarray(alpha, np.uint8))


def filled(grey: Grey, alpha: Grey) -> Grey:
    """Return a picture over black or white: (grey * alpha + ground * (255 - alpha)) / 255, rounded half up."""
    weighted, visible = grey.astype(np.uint32) * alpha, int(alpha.sum(dtype=np.int64))
    dark = visible and int(weighted.sum(dtype=np.int64)) / visible < 128
    over = weighted + np.uint32(255 if dark else 0) * (255 - alpha)
    return ((2 * over + 255) // 510).astype(np.uint8)


def inked(grey: Grey, size: tuple[int, int]) -> Ink:
    """Return the ink of a picture in grey (h, w) for a network of a size.

    It is reduced, by `area_average`, so that its longer side is at most 280: both sides times the same scale, rounded
    half up, at least 1. It is inverted where `is_dark_ink`: v becomes 255 - v. Its `background` b is taken off, which
    leaves v - b; where it was inverted that is multiplied by 255 and divided by max(1, 255 - b), since a shadow dims
    ink and paper alike. The result is `stretched`, becomes 0 up to its `threshold`, and `whole` keeps the digit of it.

    A picture of exactly the network's size is only inverted, where its outermost pixels' median is above 127. Raises
    UserError where the largest v - b is below 24, or in a picture of the network's size the largest v less the
    smallest.
    """
    if grey.shape == size:
        _check_contrast(int(grey.max()) - int(grey.min()))
        inverted = bool(np.median(np.concatenate(_edge(grey))) > 127)
        return Ink(255 - grey if inverted else grey, inverted, ready=True)
    scale = min(1, LONGER / max(grey.shape))
    height, width = (max(1, math.floor(side * scale + 0.5)) for side in grey.shape)
    small = area_average(grey, (height, width))
    inverted = is_dark_ink(small)
    bright = 255 - small if inverted else small
    behind = background(bright)
    above = (bright - behind).astype(np.float64)  # never below 0
    _check_contrast(int(above.max()))
    ink = stretched(above * 255 / np.maximum(1, 255.0 - behind) if inverted else above)
    ink[ink <= threshold(ink)] = 0
    return Ink(whole(ink), inverted, int(behind.max()) - int(behind.min()))


def _check_contrast(found: int) -> None:
    if found < FAINTEST:
        raise UserError(f"holds no digit: its ink differs from its background by only {found} of 255")


def _edge(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the outermost values, each once."""
    return [values[0], values[-1] if len(values) > 1 else values[:0, 0], values[1:-1, 0], values[1:-1, -1]]


def is_dark_ink(grey: Grey) -> bool:
    """Tell whether strokes are darker than what is around them.

    Each pixel less the mean of a square window around it, of the odd side 2 * floor(max(h, w) / 7) + 1; beyond the
    edge the edge's pixels go on. The sum of the cubes is below 0 where a few pixels lie far below their surroundings.
    The median of the edge would need bright paper that fills the picture, and even light.
    """
    around = ndimage.uniform_filter(grey.astype(np.float64), 2 * (max(grey.shape) // DIGIT) + 1, mode="nearest")
    return bool(((grey - around) ** 3).sum() < 0)


def background(grey: Grey) -> Grey:
    """Return what lies behind bright strokes (h, w): the least of each square window, then the largest of those.

    The windows have the odd side 2 * floor(max(h, w) / 10) + 1, and only what lies in the picture counts. This is the
    grey opening of Serra, Image Analysis and Mathematical Morphology (1982).
    """
    side = 2 * (max(grey.shape) // STROKE) + 1
    least = ndimage.minimum_filter(grey, side, mode="nearest")
    return np.asarray(ndimage.maximum_filter(least, side, mode="nearest"), np.uint8)


def stretched(values: NDArray[Any]) -> Grey:
    """Return values from 0 up with their maximum brought to 255, rounded half up after 1e-9 was added."""
    highest = float(values.max()) or 1
    return np.floor(values * 255.0 / highest + 0.5 + SLACK).astype(np.uint8)


def threshold(grey: Grey) -> int:
    """Return the level that parts ink, above it, from ground: the lowest with the largest variance between the two.

    For each level t, with n pixels up to it, s their sum, m and r those of the others: (s m - r n)^2 / (n m). Otsu, A
    threshold selection method from gray-level histograms (1979).
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below, sums = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    apart = sums * above - (sums[-1] - sums) * below
    between = np.divide(apart**2, below * above, out=np.zeros(256), where=(below > 0) & (above > 0))
    return int(between.argmax())


def whole(ink: Grey) -> Grey:
    """Return ink (h, w) without what is no part of the digit: pieces at the edge, and specks.

    Pieces are pixels above 0 that touch, at corners too. Those with a pixel at the picture's edge, a table beside the
    paper or a corner in shadow, go if another piece has at least a tenth of the largest one's pixels. Then those go
    that have less than a fiftieth of the pixels of the largest one left.
    """
    pieces, count = ndimage.label(ink, np.ones((3, 3)))
    pixels = np.bincount(pieces.ravel(), minlength=count + 1)
    pixels[0] = 0  # what is no ink
    inside = pixels.copy()
    inside[np.concatenate(_edge(pieces))] = 0
    if 10 * inside.max() >= pixels.max():
        pixels = inside
    kept = (50 * pixels >= pixels.max()) & (pixels > 0)
    digit: Grey = np.where(kept[pieces], ink, np.uint8(0))
    return digit
