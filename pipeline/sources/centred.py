"""Ink of any size as an image of a network's size, as MNIST's authors made theirs.

LeCun, Cortes and Burges, The MNIST database: a digit is brought to a box of 20x20 with its aspect kept, and laid into
28x28 by its centre of mass. The page on which one draws does the same arithmetic, in doubles.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DATASET = "mnist"  # the one whose images were made so
BOX = 20 / 28  # of the image's shorter side, to which the digit's longer one is brought
SLACK = 1e-9  # of a grey level, so that the order in which numbers were added does not round a half


@dataclass(frozen=True)
class Steps:
    """What is done on the way: cut the digit out, bring it to the box, lay it by its centre of mass."""

    box: bool = True
    fit: bool = True
    mass: bool = True


ALL = Steps()


@dataclass(frozen=True)
class Centred:
    """An image uint8 (height, width), and how it came about: heights and widths, and the place (row, column)."""

    image: NDArray[np.uint8]
    cut: tuple[int, int]  # what was cut out of the ink
    size: tuple[int, int]  # what that was brought to
    place: tuple[int, int]  # of its first pixel in the image


def area_average(values: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return values (h, w) from 0 to 255 brought to a size (nh, nw): each pixel the mean of the area that it covers.

    Row i covers the rows from i*h/nh to (i+1)*h/nh, a row that it covers in part weighs as much as that part, columns
    alike. Means are rounded half up, after 1e-9 was added.
    """
    rows = _averages(values.astype(np.float64), size[0])
    means = _averages(rows.T, size[1]).T
    return np.floor(means + 0.5 + SLACK).astype(np.uint8)


def _averages(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return so many weighted means of rows next to each other."""
    rows, means = len(values), []
    for number in range(count):
        start, end = number * rows / count, (number + 1) * rows / count
        covered = np.arange(math.floor(start), min(rows, math.ceil(end)))
        weights = np.minimum(covered + 1, end) - np.maximum(covered, start)
        means.append(weights @ values[covered] / weights.sum())
    return np.stack(means)


def centred(ink: NDArray[np.uint8], size: tuple[int, int], steps: Steps = ALL) -> Centred:
    """Return ink (h, w), 0 for none, as an image of a network's size (H, W).

    `box` cuts out the rows and columns between the first and the last that hold any ink; else all of it goes on. What
    goes on, (bh, bw), is brought to (bh*k, bw*k), rounded half up, at least 1 and at most the image's side, by
    `area_average`. With `fit` k is 20/28 * min(H, W) / max(bh, bw), else min(H/h, W/w). With `mass` it lies so that
    its centre of mass, the mean of its rows and of its columns weighted by its values, falls on row H/2 and column
    W/2: its first row is H/2 less that mean, rounded half up, as far as all of it stays in the image. Else, or
    without any ink, it lies in the middle, half a pixel up and left where it must.
    """
    part = _cut(ink) if steps.box else ink
    scale = BOX * min(size) / max(part.shape) if steps.fit else min(size[0] / ink.shape[0], size[1] / ink.shape[1])
    height, width = (
        min(side, max(1, math.floor(old * scale + 0.5))) for side, old in zip(size, part.shape, strict=True)
    )
    small = area_average(part, (height, width))
    top, left = _place(small, size, steps.mass)
    image = np.zeros(size, np.uint8)
    image[top : top + height, left : left + width] = small
    return Centred(image, (part.shape[0], part.shape[1]), (height, width), (top, left))


def _cut(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the part that holds ink, all of it where there is none."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else ink


def _place(small: NDArray[np.uint8], size: tuple[int, int], by_mass: bool) -> tuple[int, int]:
    """Return the row and column of the image where a smaller one begins."""
    total = int(small.sum(dtype=np.int64))
    places = []
    for axis, side in enumerate(size):
        room = side - small.shape[axis]
        place = room // 2
        if by_mass and total:
            along = small.sum(axis=1 - axis, dtype=np.int64)
            centre = int(along @ np.arange(len(along))) / total
            place = min(room, max(0, math.floor(side / 2 - centre + 0.5)))
        places.append(place)
    return places[0], places[1]
