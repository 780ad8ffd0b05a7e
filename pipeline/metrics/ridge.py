"""How far a network comes that learns its last layer alone, in closed form: ridge regression on pooled responses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Images = NDArray[np.uint8]
Part = tuple[NDArray[np.float32], NDArray[np.uint8]]  # features (n, features), labels (n,)

WINDOWS = 7  # rows and columns of windows at most, so that large images do not make features by the thousand
RAW = 40  # where each pixel is a feature, so that images of up to 40x40 stay as they are
RESPONSES = 2**20  # that are in memory together
PENALTIES = 10.0 ** np.arange(-4, 0)  # in units of the features' mean variance


def ridge_answers(train: Part, validation: Part, test: Part, classes: int) -> NDArray[np.bool_]:
    """Return which test images ridge regression gets right: (n,), of features (n, features) and labels (n,) each.

    The targets are 1 for an image's class and 0 for the others, the answer is the largest; the penalty is that with the
    most right validation images, the largest of equals. McDonnell and Vladusich, Enhanced image classification with a
    fast-learning shallow convolutional neural network (2015), arXiv:1503.04596.
    """
    middle, targets = train[0].mean(axis=0, dtype=np.float64).astype(np.float32), np.eye(classes)[train[1]]
    centred, level = train[0] - middle, targets.mean(axis=0)
    # sums of single precision, twice as fast: what they lose, 2e-5 of the unit on MNIST, is below the least penalty
    gram, moments = (centred.T @ centred).astype(np.float64), centred.T @ (targets - level)
    unit = max(float(np.trace(gram)) / len(gram), 1e-12)

    def right(part: Part, weights: Array) -> NDArray[np.bool_]:
        return ((part[0] - middle) @ weights + level).argmax(axis=1) == part[1]  # type: ignore[no-any-return]

    fits = [np.linalg.solve(gram + penalty * unit * np.eye(len(gram)), moments) for penalty in PENALTIES[::-1]]
    return right(test, max(fits, key=lambda weights: int(right(validation, weights).sum())))


def pooled_responses(images: Images, kernels: Sequence[Array], most: int = WINDOWS) -> NDArray[np.float32]:
    """Return the largest absolute response to each kernel in each window: (n, height, width) to (n, features).

    The windows, all of one size, stand in at most so many rows and columns, and what they do not fill is left out:
    4x4 pixels where the images are MNIST's. A kernel stays inside the image; a smaller image has paper around it.
    Without kernels the features are the pixels themselves. Responses are taken without their sign, since the article's
    random kernels have only negative numbers, which a rectifier would make nothing of.
    """
    size = len(kernels[0]) if len(kernels) else 1
    weights = np.reshape(kernels, (-1, size**2)).T.astype(np.float32) if len(kernels) else np.ones((1, 1), np.float32)
    wanting = [(0, max(size - length, 0)) for length in images.shape[1:]]
    at_once = max(RESPONSES // (images[0].size * weights.shape[1]), 1)
    found = []
    for start in range(0, len(images), at_once):
        part = np.pad(images[start : start + at_once].astype(np.float32) / 255, [(0, 0), *wanting])
        patches = np.lib.stride_tricks.sliding_window_view(part, (size, size), axis=(1, 2))
        responses = patches.reshape(*patches.shape[:3], size**2) @ weights  # (n, height, width, kernels)
        found.append(_pooled(np.abs(responses, out=responses), most))
    return np.concatenate(found)


def _pooled(maps: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return the largest value of each window of maps (n, height, width, kernels), a row an image."""
    images, height, width, kernels = maps.shape
    down, across = -(-height // most), -(-width // most)  # pixels of a window
    rows, columns = height // down, width // across
    # first over rows, whose values lie side by side: twice as fast as over both at once
    strips = maps[:, : rows * down, : columns * across].reshape(images, rows, down, -1).max(axis=2)
    return strips.reshape(images, rows, columns, across, kernels).max(axis=3).reshape(images, -1)  # type: ignore[no-any-return]
