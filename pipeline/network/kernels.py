"""Kernels: random ones, the Laplacian and other edge kernels."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

LAPLACIAN: Array = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def random_kernels(count: int, seed: int) -> Array:
    """Return kernels (count, 3, 3) with values in [-1, 0), the article's `-1.0 + 1.0*np.random.rand(3,3)`."""
    return -1.0 + np.random.default_rng(seed).random((count, 3, 3))


def edge_bank() -> Array:
    """Return edge kernels (17, 3, 3), each over the sum of its absolute values.

    The Laplacian, then Sobel's kernel turned in steps of 45 degrees, then Prewitt's: Gonzalez and Woods, Digital Image
    Processing (2018), chapter 10.
    """
    sobel = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    prewitt = np.sign(sobel)
    bank = np.array([LAPLACIAN, *_turned(sobel), *_turned(prewitt)])
    return bank / np.abs(bank).sum(axis=(1, 2), keepdims=True)  # type: ignore[no-any-return]


def _turned(kernel: Array) -> list[Array]:
    """Return a 3x3 kernel in eight directions: its outer ring goes round by a place each."""
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    rows, columns = map(list, zip(*ring, strict=True))
    turned = []
    for step in range(8):
        result = kernel.copy()
        result[rows, columns] = np.roll(kernel[rows, columns], step)
        turned.append(result)
    return turned


def with_edges(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return kernels (height, width, channels, filters), odd and at least 3x3, the first filters of them edge kernels.

    An edge kernel stands in the middle of zeros and works on the mean of the channels.
    """
    height, width, channels, filters = kernels.shape
    bank = edge_bank()[:filters]
    edges = np.zeros((height, width, channels, len(bank)), np.float32)
    top, left = height // 2 - 1, width // 2 - 1
    edges[top : top + 3, left : left + 3] = np.moveaxis(bank, 0, -1)[:, :, None] / channels
    return np.concatenate([edges, kernels[..., len(bank) :]], axis=-1)


def as_pictures(kernels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return a kernel (height, width) a filter from (height, width, channels, filters): its strongest channel."""
    strength = np.linalg.norm(kernels, axis=(0, 1))  # (channels, filters)
    strongest = strength.argmax(axis=0)
    return [kernels[:, :, channel, number] for number, channel in enumerate(strongest)]


def as_convolution(kernel: Array) -> Array:
    """Return the kernel (height, width) whose convolution is what Keras computes, the cross-correlation: flipped."""
    return kernel[::-1, ::-1]
