"""The prepared splits: how images are split, read back and chosen from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.sections import Prepare
from pipeline.data import files

TEST_SET = {  # how the test set was treated: said wherever its score is quoted
    "holdout": "unseen",
    "test": "used for validation",
}


@dataclass(frozen=True)
class Split:
    """Images uint8 (n, height, width) and labels uint8 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def split(train: Split, test: Split, settings: Prepare) -> dict[str, Split]:
    """Return the train, validation and test split: the first images train, the next ones or the test set validate.

    Raises UserError when the training set has too few images.
    """
    available = len(train.images)
    validating = settings.validation_size if settings.validation == "holdout" else 0
    training = max(available - validating, 1) if settings.train_size == "all" else settings.train_size
    last = training + validating
    if last > available:
        asked = f"prepare.train_size: found {settings.train_size}"
        if settings.validation == "holdout":
            asked += f" with prepare.validation_size {settings.validation_size}, {last} together"
        raise UserError(f"params.yaml: {asked}; the training set has {available} images")
    holdout = Split(train.images[training:last], train.labels[training:last])
    return {
        "train": Split(train.images[:training], train.labels[:training]),
        "validation": holdout if settings.validation == "holdout" else test,
        "test": test,
    }


def load(name: Literal["train", "validation", "test"]) -> Split:
    """Return a prepared split, its images mapped from disk rather than read."""
    return Split(
        np.load(paths.PREPARED / f"{name}_images.npy", mmap_mode="r"),
        np.load(paths.PREPARED / f"{name}_labels.npy"),
    )


def class_names() -> list[str]:
    """Return the name of each class, in the order of their labels."""
    return files.read_lines(paths.PREPARED / paths.CLASS_NAMES)


def choose(index: int | None, images: NDArray[np.uint8], seed: int, key: str) -> int:
    """Return the named index of an image, or one that the seed draws where it is None.

    Raises UserError, naming `key` of params.yaml, when there is no such image.
    """
    if index is None:
        return int(np.random.default_rng(seed).integers(len(images)))
    if index >= len(images):
        raise UserError(f"params.yaml: {key}: found {index}; allowed are 0 to {len(images) - 1}")
    return index


def choose_among(index: int | None, candidates: NDArray[np.intp], seed: int, key: str) -> int | None:
    """Return the named index, or one that the seed draws; None where there is none to draw.

    Raises UserError when the named one is not a candidate.
    """
    if index is None:
        return int(np.random.default_rng(seed).choice(candidates)) if len(candidates) else None
    if index not in candidates:
        kind = key.rsplit(".", 1)[1]
        some = ", ".join(map(str, candidates[:5])) or "none"
        raise UserError(f"params.yaml: {key}: found {index}; the network gets other images {kind}: {some}")
    return index
