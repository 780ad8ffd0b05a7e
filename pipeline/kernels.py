"""3x3 kernels: random ones, the Laplacian, what they respond to, and how well they tell edges from flat ink."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import convolve2d

from pipeline.statistics import auroc

INK = 128  # grey value from which a pixel is ink

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


def response(image: NDArray[Any], kernel: Array) -> Array:
    """Return an image (height, width) convolved with a kernel, the border mirrored: (height, width), as the article."""
    return convolve2d(image, kernel, boundary="symm", mode="same")  # type: ignore[no-any-return]


def likeness(responses: list[Array]) -> float | None:
    """Return the mean correlation between two responses (height, width) to one image; None for fewer than two.

    A response that is the same everywhere has no correlation and is left out.
    """
    varied = [picture.ravel() for picture in responses if np.ptp(picture) > 0]
    if len(varied) < 2:
        return None
    return float(np.atleast_2d(np.corrcoef(varied))[np.triu_indices(len(varied), k=1)].mean())


def edges_and_insides(images: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split the ink of images (n, height, width) into edge pixels and flat inside pixels.

    An edge pixel has paper, or the image's end, above, below, left or right.
    """
    ink = images >= INK
    inside = ndimage.binary_erosion(ink, ndimage.generate_binary_structure(2, 1)[None])
    return ink & ~inside, inside


def edge_auroc(kernel: Array, images: NDArray[np.uint8]) -> float | None:
    """Return how well the size of a kernel's response, convolved with images (n, height, width), detects edges.

    The area under the ROC curve of |response| with edge pixels as positives and inside pixels as negatives: above 0.5
    it is stronger on edges, below on flat ink. ROC curves for edge detectors: Bowyer, Kranenburg and Dougherty,
    Computer Vision and Image Understanding 84 (2001). Borders are mirrored, as by convolve2d(boundary="symm").
    """
    edge, inside = edges_and_insides(images)
    response = np.abs(ndimage.convolve(images.astype(np.float32), kernel[None].astype(np.float32), mode="reflect"))
    return auroc(response[edge], response[inside])
