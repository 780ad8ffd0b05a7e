"""Images as the world changes them: corruptions, each in five strengths, and shifts by whole pixels.

Names and amounts are those of MNIST-C's code, where the ones that come from ImageNet-C stand too; `occlusion` is ours.
Mu and Gilmer, MNIST-C: a robustness benchmark for computer vision (2019), arXiv:1906.02337; Hendrycks and Dietterich,
Benchmarking neural network robustness to common corruptions and perturbations (2019), arXiv:1903.12261.
"""

import zlib
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Images = NDArray[np.uint8]
Values = NDArray[np.float32]
Randoms = Iterator[np.random.Generator]

STRENGTHS = 5  # above 0, which leaves an image as it is
SIDE = 28  # pixels of the images for which amounts in pixels are said; in others they grow with the shorter side
GREY = 128  # of what is laid over images


def corrupted(images: Images, name: str, strength: int, seed: int) -> Images:
    """Return images (n, height, width) under one of CORRUPTIONS at a strength from 0 to 5.

    What is random is drawn from the seed and the image's own pixels: the same in any order and among any others, and
    at every strength, so that a stronger one is more of the same.
    """
    if strength == 0:
        return images
    change, amounts = CORRUPTIONS[name]
    key = zlib.crc32(name.encode())
    randoms = (np.random.default_rng([seed, key, zlib.crc32(image.tobytes())]) for image in images)
    changed = change(images.astype(np.float32), amounts[strength - 1], randoms)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


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
    far = ceil(pixels * _unit(images))
    return _one_each([shifted(images, down, right) for down in (-far, far) for right in (-far, far)], randoms)


def rotate(images: Values, radians: float, randoms: Randoms) -> Values:
    """Turn each image by so much, one way or the other."""
    return _one_each([rotated(images, sign * np.rad2deg(radians)) for sign in (-1, 1)], randoms)


def scale(images: Values, factor: float, _: Randoms) -> Values:
    """Shrink what is in the images to so many times its size, about their middle."""
    middle = (np.array(images.shape[1:]) - 1) / 2
    offset = [0, *middle * (1 - 1 / factor)]
    return ndimage.affine_transform(  # type: ignore[no-any-return]
        images, [1, 1 / factor, 1 / factor], offset, order=1
    )


def gaussian_blur(images: Values, deviation: float, _: Randoms) -> Values:
    """Blur the images by a normal distribution with a standard deviation of so many pixels."""
    return ndimage.gaussian_filter(  # type: ignore[no-any-return]
        images, deviation * _unit(images), axes=(1, 2), mode="nearest"
    )


def gaussian_noise(images: Values, deviation: float, randoms: Randoms) -> Values:
    """Add to each pixel its own normal random number, with a standard deviation of such a share of white."""
    noise = np.stack([random.standard_normal(images.shape[1:], np.float32) for random in randoms])
    return images + 255 * deviation * noise


def contrast(images: Values, share: float, _: Randoms) -> Values:
    """Leave such a share of each pixel's distance from the image's mean."""
    means = images.mean(axis=(1, 2), keepdims=True)
    return means + share * (images - means)  # type: ignore[no-any-return]


def occlusion(images: Values, share: float, randoms: Randoms) -> Values:
    """Lay a grey square over each image, as long as such a share of the shorter side; its middle lies anywhere in it.

    Zeiler and Fergus, Visualizing and understanding convolutional networks (2014), arXiv:1311.2901, section 4.2.
    """
    height, width = images.shape[1:]
    half = share * min(height, width) / 2
    middles = np.stack([random.random(2) for random in randoms]) * (height, width) - 0.5  # (n, 2), of the pixels' own
    rows = abs(np.arange(height) - middles[:, :1]) < half
    columns = abs(np.arange(width) - middles[:, 1:]) < half
    return np.where(rows[:, :, None] & columns[:, None, :], np.float32(GREY), images)


def _unit(images: Values) -> float:
    """Return how long what is one pixel in an image of SIDE pixels is in these."""
    return float(min(images.shape[1:])) / SIDE


def _one_each(versions: list[Values], randoms: Randoms) -> Values:
    """Return each image in one of its versions, which is drawn."""
    drawn = [int(random.integers(len(versions))) for random in randoms]
    return np.stack(versions)[drawn, np.arange(len(drawn))]


CORRUPTIONS: dict[str, tuple[Callable[[Values, float, Randoms], Values], tuple[float, ...]]] = {
    "translate": (translate, (1, 2, 3, 4, 5)),
    "rotate": (rotate, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "scale": (scale, (0.9, 0.8, 0.7, 0.6, 0.5)),
    "gaussian_blur": (gaussian_blur, (1, 2, 3, 4, 6)),
    "gaussian_noise": (gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "contrast": (contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "occlusion": (occlusion, (1 / 7, 2 / 7, 3 / 7, 4 / 7, 5 / 7)),
}
