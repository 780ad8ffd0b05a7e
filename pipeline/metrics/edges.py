"""What kernels make of images, and how well kernels tell edges from flat ink."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.metrics.statistics import auroc

Array = NDArray[np.floating]

INK = 128  # grey value from which a pixel is ink


def filter_response(image: NDArray[Any], kernel: Array) -> Array:
    """Return an image (height, width) convolved with a kernel, the border mirrored: (height, width).

    For a kernel of odd size it is the article's `scipy.signal.convolve2d(boundary="symm", mode="same")`, from a module
    that loads in a third of the time.
    """
    return ndimage.convolve(image.astype(np.float64), kernel, mode="reflect")  # type: ignore[no-any-return]


def mean_absolute_correlation(kernels: Iterable[Array], images: NDArray[np.uint8]) -> float | None:
    """Return how alike the responses of two kernels to an image are: 0 unrelated, 1 the same but for scale and sign.

    The absolute correlation of two responses, averaged over all pairs of kernels and over images (n, height, width). A
    response that is the same everywhere has no correlation; None where no image has two others.
    """
    means = []
    for image in images:
        responses = [filter_response(image, kernel).ravel() for kernel in kernels]
        varied = [response for response in responses if np.ptp(response) > 0]
        if len(varied) > 1:
            pairs = np.triu_indices(len(varied), k=1)
            means.append(np.abs(np.atleast_2d(np.corrcoef(varied))[pairs]).mean())
    return float(np.mean(means)) if means else None


def boundary_and_interior(images: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of the ink of images (n, height, width): its boundary pixels, and its flat interior ones.

    A boundary pixel has paper, or the image's end, above, below, left or right.
    """
    ink = images >= INK
    interior = ndimage.binary_erosion(ink, ndimage.generate_binary_structure(2, 1)[None])
    return ink & ~interior, interior


def edge_auroc(kernel: Array, images: NDArray[np.uint8]) -> float | None:
    """Return how well the size of a kernel's response, convolved with images (n, height, width), detects edges.

    The area under the ROC curve of |response| with boundary pixels as positives and interior ones as negatives: above
    0.5 it is stronger on edges, below on flat ink. ROC curves for edge detectors: Bowyer, Kranenburg and Dougherty,
    Computer Vision and Image Understanding 84 (2001). Borders are mirrored, as in `filter_response`.
    """
    boundary, interior = boundary_and_interior(images)
    response = np.abs(ndimage.convolve(images.astype(np.float32), kernel[None].astype(np.float32), mode="reflect"))
    return auroc(response[boundary], response[interior])
