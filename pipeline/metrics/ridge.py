"""How far a network comes that learns its last layer alone, in closed form: ridge regression on pooled responses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Images = NDArray[np.uint8]
Part = tuple[NDArray[np.float32], NDArray[np.uint8]]  # features (n, features), labels (n,)

POOL = 4  # pixels of a window's side
AT_ONCE = 250  # images whose responses are in memory together
PENALTIES = 10.0 ** np.arange(-4, 0)  # in units of the features' mean variance


def ridge_answers(train: Part, validation: Part, test: Part, classes: int) -> NDArray[np.bool_]:
    """Return which test images ridge regression gets right: (n,), of features (n, features) and labels (n,) each.

    The targets are 1 for an image's class and 0 for the others, the answer is the largest; the penalty is that with the
    most right validation images, the largest of equals. McDonnell and Vladusich, Enhanced image classification with a
    fast-learning shallow convolutional neural network (2015), arXiv:1503.04596.
    """
    features = train[0].astype(np.float64)
    middle, targets = features.mean(axis=0), np.eye(classes)[train[1]]
    centred, level = features - middle, targets.mean(axis=0)
    gram, moments = centred.T @ centred, centred.T @ (targets - level)
    unit = max(float(np.trace(gram)) / len(gram), 1e-12)

    def right(part: Part, weights: Array) -> NDArray[np.bool_]:
        return ((part[0] - middle) @ weights + level).argmax(axis=1) == part[1]  # type: ignore[no-any-return]

    fits = [np.linalg.solve(gram + penalty * unit * np.eye(len(gram)), moments) for penalty in PENALTIES[::-1]]
    return right(test, max(fits, key=lambda weights: int(right(validation, weights).sum())))


def pooled_responses(images: Images, kernels: Sequence[Array]) -> NDArray[np.float32]:
    """Return the largest absolute response to each kernel in each 4x4 window: (n, height, width) to (n, features).

    A kernel stays inside the image, and what the windows do not fill is left out. Without kernels the features are the
    largest pixels of the windows. Responses are taken without their sign, since the article's random kernels have only
    negative ones, which a rectifier would make nothing of.
    """
    if not len(kernels):
        return np.concatenate([_pooled(images[start : start + AT_ONCE, None]) for start in _starts(images)])
    size = len(kernels[0])
    weights = np.reshape(kernels, (len(kernels), size**2)).astype(np.float32)
    found = []
    for start in _starts(images):
        part = images[start : start + AT_ONCE].astype(np.float32) / 255
        windows = np.lib.stride_tricks.sliding_window_view(part, (size, size), axis=(1, 2))
        responses = windows.reshape(*windows.shape[:3], size**2) @ weights.T
        found.append(_pooled(np.moveaxis(np.abs(responses), 3, 1)))
    return np.concatenate(found)


def _starts(images: Images) -> range:
    return range(0, len(images), AT_ONCE)


def _pooled(maps: NDArray[np.floating] | Images) -> NDArray[np.float32]:
    """Return the largest value of each window of maps (n, filters, height, width), a row an image."""
    height, width = (max(length // POOL, 1) for length in maps.shape[2:])
    rows, columns = (min(POOL, length) for length in maps.shape[2:])
    windows = maps[:, :, : height * rows, : width * columns].reshape(*maps.shape[:2], height, rows, width, columns)
    highest: NDArray[np.float32] = windows.max(axis=(3, 5)).reshape(len(maps), -1).astype(np.float32)
    return highest
