"""The data sets known by name, and what data of one's own must be."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.sections import Fetch
from pipeline.data import idx
from pipeline.sources.reader import Found, read

SIZES = range(8, 129)  # pixels, of height and of width
CLASSES = range(2, 101)
DIM = 128  # below half of the range, images are dark, and a background is
SAMPLE = 10_000  # images, which say what a border is like
SHOWN = 12  # names of files in a message


@dataclass(frozen=True)
class Known:
    """A public data set."""

    title: str
    checksums: dict[str, str]  # SHA-256 of the uncompressed files
    classes: list[str]


KNOWN = {
    "mnist": Known(
        "MNIST",
        {
            idx.TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            idx.TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            idx.TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            idx.TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        [str(digit) for digit in range(10)],
    ),
    # Xiao, Rasul and Vollgraf, Fashion-MNIST (2017), arXiv:1708.07747. Debian's files, put back into their first gzip
    # headers, have the MD5 sums that its authors publish at https://github.com/zalandoresearch/fashion-mnist.
    "fashion_mnist": Known(
        "Fashion-MNIST",
        {
            idx.TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            idx.TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            idx.TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            idx.TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
    ),
}


def verify_checksums(found: Found, place: object, known: Known) -> dict[str, bytes]:
    """Return a known data set's four files once each is there and has its checksum.

    Raises UserError naming the file, what was expected and what was found.
    """
    contents = _four(found, place)
    for name, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        if digest != known.checksums[name]:
            raise UserError(
                f"{place}: {name} is not {known.title}'s: expected SHA-256 {known.checksums[name]}, found {digest}"
            )
    return contents


def custom(place: Path, settings: Fetch) -> tuple[dict[str, bytes], list[str], list[str]]:
    """Return the four IDX files, the class names and notes on data of one's own, from a folder or an archive.

    Grey images of one size from 8x8 to 128x128, 2 to 100 classes, each with at least one image in both parts. Where no
    names are given a class is named by its number. Raises UserError saying what is wrong and where.
    """
    found = read(place, settings.scale, settings.grey, settings.size)
    contents = _four(found, place)
    arrays = found.arrays
    parts = {
        "training": (arrays[idx.TRAIN_IMAGES], arrays[idx.TRAIN_LABELS]),
        "test": (arrays[idx.TEST_IMAGES], arrays[idx.TEST_LABELS]),
    }
    size = arrays[idx.TRAIN_IMAGES].shape[1:]
    for part, (images, labels) in parts.items():
        if len(images) != len(labels):
            raise UserError(f"{place}: the {part} set has {len(images)} images but {len(labels)} labels")
        if not len(images):
            raise UserError(f"{place}: the {part} set is empty")
        if images.shape[1:] != size or any(side not in SIZES for side in size):
            raise UserError(
                f"{place}: the {part} images are {_sizes(images.shape[1:])}; allowed is one size for all, from "
                f"{SIZES[0]}x{SIZES[0]} to {SIZES[-1]}x{SIZES[-1]}, and the training images are {_sizes(size)}"
            )
    highest = int(max(labels.max() for _, labels in parts.values()))
    notes = list(found.notes)
    names = [str(label) for label in range(highest + 1)] if found.classes is None else found.classes
    if all(labels.min() == 1 for _, labels in parts.values()) and (found.classes is None or len(names) == highest):
        notes.append(f"its labels count from 1 to {highest}; here they count from 0, and the names stay")
        names = names[1:] if found.classes is None else names
        parts = {part: (images, labels - 1) for part, (images, labels) in parts.items()}
        contents |= dict(zip(idx.FILES[1::2], (idx.encode(labels) for _, labels in parts.values()), strict=True))
    _check_classes(parts, names, place)
    notes += remarks(*parts["training"], settings.scale)
    return contents, names, notes


def remarks(images: NDArray[np.uint8], labels: NDArray[np.uint8], scale: float | None) -> list[str]:
    """Return warnings about training images (n, height, width) and labels (n,) that the network does not expect."""
    found = []
    highest = int(images.max())
    if highest < DIM:
        cure = f"; fetch.scale: {highest} in params.yaml brings 0 to {highest} to 0 to 255"
        advice = cure if highest and not scale else ""
        found.append(f"warning: the highest value is {highest} of 255, too dim to learn from{advice}")
    some = images[:: -(-len(images) // SAMPLE)]
    border = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1)
    if np.median(border) >= DIM:
        found.append(
            f"warning: the background is bright (median of the border {np.median(border):g}); MNIST's is dark, and "
            "zeros are what padding adds: invert the images if they are drawings or letters"
        )
    if (np.diff(labels.astype(int)) >= 0).all():
        found.append("warning: the training images are sorted by class, and prepare takes the first: set prepare.seed")
    return found


def _check_classes(
    parts: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]], names: list[str], place: object
) -> None:
    """Raise UserError where names and labels do not fit, or where a class has no image."""
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"{place}: the class names have {', '.join(sorted(twice))} more than once")
    if len(names) not in CLASSES:
        raise UserError(f"{place}: {len(names)} classes found; allowed are {CLASSES[0]} to {CLASSES[-1]}")
    for part, (_, labels) in parts.items():
        if labels.max() >= len(names):
            raise UserError(
                f"{place}: {part} label {labels.argmax()} is {labels.max()}; {len(names)} classes are named, "
                f"so that allowed are 0 to {len(names) - 1}"
            )
        missing = np.flatnonzero(np.bincount(labels, minlength=len(names)) == 0)
        if len(missing):
            raise UserError(
                f"{place}: the {part} set has no image of class {missing[0]} ({names[missing[0]]}); labels count from "
                f"0, and each class up to the highest, here {len(names) - 1}, needs an image"
            )


def _four(found: Found, place: object) -> dict[str, bytes]:
    for name in idx.FILES:
        if name not in found.contents:
            there = f"; there lie {', '.join(found.others[:SHOWN])}" if found.others else ""
            raise UserError(
                f"{place}: {name} not found (nor {name}.gz); needed are {', '.join(idx.FILES)}, or an .npz with "
                f"x_train, y_train, x_test, y_test, or folders of pictures, one a class{there}"
            )
    return {name: found.contents[name] for name in idx.FILES}


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
