"""Strokes of a pen and an eraser as ink on a canvas.

The page on which one draws does the same arithmetic, in doubles, so all of it is told here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CANVAS = 280  # pixels of a canvas's longer side, or some fewer
PIECES = 4  # straight segments of a curve

Point = tuple[float, float]  # x to the right and y downwards, in pixels of the canvas


@dataclass(frozen=True)
class Stroke:
    """A path of a round pen, or of the eraser, its radius in pixels of the canvas."""

    points: Sequence[Point]
    radius: float
    erase: bool = False


def canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the canvas for a network's images (height, width): a whole number of pixels a cell."""
    height, width = size
    cell = max(1, CANVAS // max(height, width))
    return height * cell, width * cell


def path(points: Sequence[Point]) -> NDArray[np.float64]:
    """Return the corners (n, 2) of a stroke's path, made of straight segments.

    Two points are joined by one segment. More are joined by quadratic Bezier curves, which begin at the first point.
    Each point between the first and the last is the control point of one. It ends halfway to the next point, the last
    curve at the last point. A curve from a to b with the control point c is cut at t = 1/4, 2/4, 3/4 and 1, which are
    the points (1-t)^2 a + 2(1-t)t c + t^2 b.
    """
    given = np.array(points, np.float64).reshape(-1, 2)
    if len(given) < 3:
        return given
    corners = [given[0]]
    for number in range(1, len(given) - 1):
        start, control, following = corners[-1], given[number], given[number + 1]
        end = following if number == len(given) - 2 else (control + following) / 2
        for step in range(1, PIECES + 1):
            t = step / PIECES
            corners.append((1 - t) ** 2 * start + 2 * (1 - t) * t * control + t**2 * end)
    return np.stack(corners)


def ink_of(stroke: Stroke, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the ink, 0 to 255, that a stroke alone leaves on a canvas (height, width).

    The centre of the pixel in row r and column c lies at x = c + 0.5, y = r + 0.5. Let d be its distance to the path,
    sqrt(dx*dx + dy*dy). Its ink is radius + 0.5 - d, held between 0 and 1, times 255, rounded half up.
    """
    ink = np.zeros(size, np.uint8)
    corners = path(stroke.points)
    for start, end in zip(corners, corners[1:] if len(corners) > 1 else corners, strict=False):
        # only the pixels that the segment can reach: a long stroke has hundreds of segments
        low, high = np.minimum(start, end) - stroke.radius - 1, np.maximum(start, end) + stroke.radius + 1
        left, top = (max(0, math.floor(value)) for value in low)
        right, bottom = (max(0, math.ceil(value)) for value in high)
        part = ink[top:bottom, left:right]
        x = np.arange(left, left + part.shape[1]) + 0.5
        y = np.arange(top, top + part.shape[0])[:, np.newaxis] + 0.5
        cover = np.clip(stroke.radius + 0.5 - _distance(x, y, start, end), 0, 1)
        part[:] = np.maximum(part, np.floor(255 * cover + 0.5).astype(np.uint8))
    return ink


def _distance(
    x: NDArray[np.float64], y: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far points are from a segment: from its point start + t (end - start), t held between 0 and 1."""
    along_x, along_y = end - start
    squared = along_x * along_x + along_y * along_y
    t = ((x - start[0]) * along_x + (y - start[1]) * along_y) / squared if squared else 0.0
    t = np.clip(t, 0, 1)
    dx, dy = x - (start[0] + t * along_x), y - (start[1] + t * along_y)
    distance: NDArray[np.float64] = np.sqrt(dx * dx + dy * dy)
    return distance


def drawn(strokes: Sequence[Stroke], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a canvas (height, width) after strokes, one after another: 0 is nothing, 255 full ink.

    The pen leaves the larger of what was there and its own ink, the eraser at most 255 less its own.
    """
    canvas = np.zeros(size, np.uint8)
    for stroke in strokes:
        ink = ink_of(stroke, size)
        canvas = np.minimum(canvas, 255 - ink) if stroke.erase else np.maximum(canvas, ink)
    return canvas
