"""How well a kernel tells the edges of a stroke from its flat inside."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.statistics import auroc

INK = 128  # grey value from which a pixel is ink

LAPLACIAN = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def edges_and_insides(images: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split the ink of images (n, height, width) into edge pixels, which touch paper, and flat inside pixels."""
    ink = images >= INK
    inside = ndimage.binary_erosion(ink, ndimage.generate_binary_structure(2, 1)[None])
    return ink & ~inside, inside


def edge_auroc(kernel: NDArray[np.floating], images: NDArray[np.uint8]) -> float | None:
    """Return how well the size of a kernel's response, convolved with images (n, height, width), detects edges.

    The area under the ROC curve of |response| with edge pixels as positives and inside pixels as negatives: above 0.5
    it is stronger on edges, below on flat ink. ROC curves for edge detectors: Bowyer, Kranenburg and Dougherty,
    Computer Vision and Image Understanding 84 (2001). Borders are mirrored, as by convolve2d(boundary="symm").
    """
    edge, inside = edges_and_insides(images)
    response = np.abs(ndimage.convolve(images.astype(np.float32), kernel[None].astype(np.float32), mode="reflect"))
    return auroc(response[edge], response[inside])
