"""A photo or a picture of a digit as ink: dark or bright, on paper in uneven light, on no ground at all.

The page on which one draws does the same arithmetic, in doubles.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.errors import UserError
from pipeline.sources.centred import area_average
from pipeline.sources.pictures import in_grey, upright

LONGER = 280  # pixels of the longer side of what is looked at
FAINTEST = 24  # grey levels of 255 between ink and background, fewer are noise
WINDOW = 10  # the longer side over this is half a background's window: wider than a stroke, narrower than a shadow

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
    `pictures.upright` does, and for an empty file.
    """
    if not content:
        raise UserError(f"{path}: is empty")
    with upright(path, content, (LONGER, LONGER)) as picture:
        if not picture.has_transparency_data:
            return np.asarray(in_grey(picture, None, grey=True), np.uint8)
        coloured = picture.convert("RGBA")
        return filled(
            *(np.asarray(part, np.uint8) for part in (coloured.convert("RGB").convert("L"), _alpha(coloured)))
        )


def _alpha(picture: Image.Image) -> Image.Image:
    return picture.getchannel("A")


def filled(grey: Grey, alpha: Grey) -> Grey:
    """Return a picture over black or white: (grey * alpha + ground * (255 - alpha)) / 255, rounded half up."""
    visible = int(alpha.sum(dtype=np.int64))
    dark = visible and int((grey.astype(np.int64) * alpha).sum()) / visible < 128
    over = grey * alpha.astype(np.float64) + (255.0 if dark else 0.0) * (255.0 - alpha)
    return np.floor(over / 255 + 0.5).astype(np.uint8)


def inked(grey: Grey, size: tuple[int, int]) -> Ink:
    """Return the ink of a picture in grey (h, w) for a network of a size.

    A picture whose outermost pixels' median is above 127 is inverted: v becomes 255 - v. One of exactly the network's
    size is taken as it is then. Any other is first reduced, by `area_average`, so that its longer side is at most 280:
    the other side times the same scale, rounded half up, at least 1. Its `background` is taken off. What is left is
    stretched by its maximum to 255, rounded half up, and becomes 0 where it is not above `threshold`.

    Raises UserError where ink and background differ by less than 24.
    """
    if grey.shape == size:
        inverted = _is_light(grey)
        _check_contrast(int(grey.max()) - int(grey.min()))
        return Ink(255 - grey if inverted else grey, inverted, ready=True)
    scale = min(1, LONGER / max(grey.shape))
    height, width = (max(1, math.floor(side * scale + 0.5)) for side in grey.shape)
    small = area_average(grey, (height, width))
    inverted = _is_light(small)
    bright = 255 - small if inverted else small
    behind = background(bright)
    ink = bright - behind  # never below 0
    highest = int(ink.max())
    _check_contrast(highest)
    stretched = np.floor(ink * 255.0 / highest + 0.5).astype(np.uint8)
    stretched[stretched <= threshold(stretched)] = 0
    return Ink(stretched, inverted, int(behind.max()) - int(behind.min()))


def _is_light(grey: Grey) -> bool:
    """Tell whether the outermost pixels are light: of an even number the median is the mean of the middle two."""
    edge = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return bool(np.median(edge) > 127)


def _check_contrast(found: int) -> None:
    if found < FAINTEST:
        raise UserError(f"holds no digit: its ink differs from its background by only {found} of 255")


def background(grey: Grey) -> Grey:
    """Return what lies behind bright strokes (h, w): the grey opening, a sliding minimum and its sliding maximum.

    Both by a square window, of the odd side 2 * floor(max(h, w) / 10) + 1, of which only what lies in the picture
    counts. (Serra, Image Analysis and Mathematical Morphology, 1982: the rolling ball's flat sister.)
    """
    reach = max(grey.shape) // WINDOW
    return _sliding(_sliding(grey, reach, np.min), reach, np.max)


def _sliding(grey: Grey, reach: int, extreme: np.ufunc) -> Grey:
    """Return the extreme of each pixel's square window, rows first: padded by the edge's pixels, which are in it."""
    for _ in range(2):
        padded = np.pad(grey, ((reach, reach), (0, 0)), "edge")
        grey = extreme(sliding_window_view(padded, 2 * reach + 1, axis=0), axis=-1).T
    return grey


def threshold(grey: Grey) -> int:
    """Return the level that parts ink, above it, from ground: the one of the largest variance between the two.

    The lowest of those that are equal. Otsu, A threshold selection method from gray-level histograms (1979).
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below, sums = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    apart = sums * above - (sums[-1] - sums) * below
    between = np.divide(apart**2, below * above, out=np.zeros(256), where=(below > 0) & (above > 0))
    return int(between.argmax())
