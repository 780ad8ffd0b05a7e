"""Whether a network still knows what an image shows when it lies elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

IMAGES, MOVES, PIXELS, SEED = 1000, 16, 4, 0

Predict = Callable[[NDArray[np.uint8]], NDArray[np.integer[Any]]]


def moved(images: NDArray[np.uint8], by: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return images (n, height, width), each moved by its own whole pixels (n, 2) down and right; zeros come in.

    Up and left are negative; no move is longer than PIXELS.
    """
    padded = np.pad(images, ((0, 0), (PIXELS, PIXELS), (PIXELS, PIXELS)))
    windows = sliding_window_view(padded, images.shape[1:], axis=(1, 2))
    rows, columns = PIXELS - by.T
    return windows[np.arange(len(images)), rows, columns]  # type: ignore[no-any-return]


def shift_accuracy_by_image(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], predict: Predict
) -> NDArray[np.float32]:
    """Return the share of its moves after which an image gets its label (m,), of images (n, height, width) in order.

    A seed that is always the same draws 1,000 images, all where there are fewer, and moves each of them 16 times by -4
    to 4 pixels both ways. `predict` gives the classes (m,) of images (m, height, width); it is called once a move, so
    that large images take little memory.
    """
    random = np.random.default_rng(SEED)
    chosen = np.sort(random.permutation(len(images))[:IMAGES])
    moves = random.integers(-PIXELS, PIXELS, (MOVES, len(chosen), 2), endpoint=True)
    sample, wanted = images[chosen], labels[chosen]
    right = [predict(moved(sample, by)) == wanted for by in moves]
    return np.mean(right, axis=0, dtype=np.float32)  # type: ignore[no-any-return]
