"""Images as the world changes them: corruptions, each in five strengths.

Names and amounts are those of MNIST-C's code, where the ones that come from ImageNet-C stand too; `occlusion` is ours,
and so are the widths of `stripe` but for the last.
Mu and Gilmer, MNIST-C: a robustness benchmark for computer vision (2019), arXiv:1906.02337; Hendrycks and Dietterich,
Benchmarking neural network robustness to common corruptions and perturbations (2019), arXiv:1903.12261.
"""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.metrics.movements import Randoms, Values, rotate, scale, shear, translate, unit

Images = NDArray[np.uint8]

STRENGTHS = 5  # above 0, which leaves an image as it is
GREY = 128  # of what is laid over images


def corrupted(images: Images, name: str, strength: int, seed: int) -> Images:
    """Return images (n, height, width) under one of CORRUPTIONS at a strength from 0 to 5.

    What is random is drawn from the seed and the image's own pixels: the same in any order and among any others. All
    strengths begin with the same random numbers, so that for the most part a stronger one is more of the same.
    """
    if strength == 0:
        return images
    change, amounts = CORRUPTIONS[name]
    key = zlib.crc32(name.encode())
    randoms = (np.random.default_rng([seed, key, zlib.crc32(image.tobytes())]) for image in images)
    changed = change(images.astype(np.float32), amounts[strength - 1], randoms)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def gaussian_blur(images: Values, deviation: float, _: Randoms) -> Values:
    """Blur the images by a normal distribution with a standard deviation of so many pixels."""
    return ndimage.gaussian_filter(  # type: ignore[no-any-return]
        images, deviation * unit(images), axes=(1, 2), mode="nearest"
    )


def gaussian_noise(images: Values, deviation: float, randoms: Randoms) -> Values:
    """Add to each pixel its own normal random number, with a standard deviation of such a share of white."""
    noise = np.stack([random.standard_normal(images.shape[1:], np.float32) for random in randoms])
    return images + 255 * deviation * noise


def shot_noise(images: Values, light: float, randoms: Randoms) -> Values:
    """Count light in each pixel, where white gives so many counts on average: what a camera sees in the dark."""
    counts = [random.poisson(light / 255 * image) for random, image in zip(randoms, images, strict=True)]
    return (255 / light * np.stack(counts)).astype(np.float32)


def impulse_noise(images: Values, share: float, randoms: Randoms) -> Values:
    """Make such a share of the pixels black or white, whatever they were."""
    chances, colours = np.stack([random.random((2, *images.shape[1:])) for random in randoms], axis=1)
    return np.where(chances < share, np.where(colours < 0.5, np.float32(0), np.float32(255)), images)


def glass_blur(images: Values, amounts: tuple[float, float, int], randoms: Randoms) -> Values:
    """Blur the images, swap pixels with others nearby, and blur again, as frosted glass does.

    The amounts are the blur's standard deviation in pixels, how far a pixel may go, and how often each has a chance.
    """
    deviation, reach, rounds = amounts
    far = max(round(reach * unit(images)), 1)
    height, width = images.shape[1:]
    found = gaussian_blur(images, deviation, iter(()))
    places = [(row, column) for row in range(height - far, far, -1) for column in range(width - far, far, -1)]
    steps = np.stack([random.integers(-far, far, (rounds, len(places), 3), np.int16) for random in randoms])
    every = np.arange(len(images))
    for turn in np.ndindex(rounds, len(places)):
        row, column = places[turn[1]]
        down, across, swapped = steps[:, *turn].T
        moves = swapped < 0  # in one of two
        other = every, row + down * moves, column + across * moves
        found[:, row, column], found[other] = found[other], found[:, row, column].copy()
    return gaussian_blur(found, deviation, iter(()))


def brightness(images: Values, share: float, _: Randoms) -> Values:
    """Make every pixel brighter by such a share of white."""
    return images + 255 * np.float32(share)


def stripe(images: Values, share: float, _: Randoms) -> Values:
    """Turn black to white and white to black in a stripe at the left and one at the right, each such a share wide."""
    width = images.shape[2]
    column = np.arange(width)
    side = round(share * width)
    return np.where((column < side) | (column >= width - side), 255 - images, images)


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


CORRUPTIONS: dict[str, tuple[Callable[[Values, Any, Randoms], Values], tuple[Any, ...]]] = {
    "translate": (translate, (1, 2, 3, 4, 5)),
    "rotate": (rotate, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "scale": (scale, (0.9, 0.8, 0.7, 0.6, 0.5)),
    "shear": (shear, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "gaussian_blur": (gaussian_blur, (1, 2, 3, 4, 6)),
    "glass_blur": (glass_blur, ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))),
    "gaussian_noise": (gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": (shot_noise, (60, 25, 12, 5, 3)),
    "impulse_noise": (impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "contrast": (contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "brightness": (brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "stripe": (stripe, (0.05, 0.1, 0.15, 0.2, 0.25)),
    "occlusion": (occlusion, (1 / 7, 2 / 7, 3 / 7, 4 / 7, 5 / 7)),
}
