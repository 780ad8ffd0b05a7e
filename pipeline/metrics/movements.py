"""Images whose content lies elsewhere, leans or is smaller: the corruptions that move things, and what they share.

Amounts are MNIST-C's, as `corruptions` tells.
"""

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Values = NDArray[np.float32]
Randoms = Iterator[np.random.Generator]

SIDE = 28  # pixels of the images for which amounts in pixels are said; in others they grow with the shorter side


def shifted(images: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    """Return images (n, height, width), all moved by whole pixels, negative ones up and left; zeros come in."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (abs(down), abs(down)), (abs(right), abs(right))))
    return padded[:, abs(down) - down :, abs(right) - right :][:, :height, :width]


def rotated(images: Values, degrees: float) -> Values:
    """Return images (n, height, width), all turned counter-clockwise about their middle; zeros come in."""
    return ndimage.rotate(images, degrees, axes=(1, 2), reshape=False, order=1)  # type: ignore[no-any-return]


def translate(images: Values, pixels: float, randoms: Randoms) -> Values:
    """Move each image by so many pixels, up or down and left or right."""
    far = ceil(pixels * unit(images))
    return one_each([shifted(images, down, right) for down in (-far, far) for right in (-far, far)], randoms)


def rotate(images: Values, radians: float, randoms: Randoms) -> Values:
    """Turn each image by so much, one way or the other."""
    return one_each([rotated(images, sign * np.rad2deg(radians)) for sign in (-1, 1)], randoms)


def scale(images: Values, factor: float, _: Randoms) -> Values:
    """Shrink what is in the images to so many times its size, about their middle."""
    middle = (np.array(images.shape[1:]) - 1) / 2
    offset = [0, *middle * (1 - 1 / factor)]
    return ndimage.affine_transform(  # type: ignore[no-any-return]
        images, [1, 1 / factor, 1 / factor], offset, order=1
    )


def shear(images: Values, radians: float, randoms: Randoms) -> Values:
    """Lean each image over by so much, one way or the other, about its middle; it grows taller by 1 / cosine."""
    middle = (np.array(images.shape[1:]) - 1) / 2

    def leant(angle: float) -> Values:
        back = np.array([[np.cos(angle), 0], [-np.sin(angle), 1]])  # where a pixel comes from, (row, column)
        matrix = np.block([[np.eye(1), np.zeros((1, 2))], [np.zeros((2, 1)), back]])
        offset = [0, *middle - back @ middle]
        return ndimage.affine_transform(images, matrix, offset, order=1)  # type: ignore[no-any-return]

    return one_each([leant(-radians), leant(radians)], randoms)


def unit(images: Values) -> float:
    """Return how long what is one pixel in an image of SIDE pixels is in these."""
    return float(min(images.shape[1:])) / SIDE


def one_each(versions: list[Values], randoms: Randoms) -> Values:
    """Return each image in one of its versions, which is drawn."""
    drawn = [int(random.integers(len(versions))) for random in randoms]
    return np.stack(versions)[drawn, np.arange(len(drawn))]
