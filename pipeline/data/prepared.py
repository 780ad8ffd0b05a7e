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

    With a seed it draws which images train and validate, each class in its share, and keeps their order. Raises
    UserError when the training set has too few images.
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
    first: slice | NDArray[np.intp] = slice(training)
    second: slice | NDArray[np.intp] = slice(training, last)
    if settings.seed is not None:
        pool, random = np.arange(available), np.random.default_rng(settings.seed)
        first = draw(pool, train.labels, training, random)
        left = np.setdiff1d(pool, first)
        second = draw(left, train.labels, validating, random) if validating else left[:0]
    holdout = Split(train.images[second], train.labels[second])
    return {
        "train": Split(train.images[first], train.labels[first]),
        "validation": holdout if settings.validation == "holdout" else test,
        "test": test,
    }


def draw(
    pool: NDArray[np.intp], labels: NDArray[np.uint8], count: int, random: np.random.Generator
) -> NDArray[np.intp]:
    """Return so many of a pool of indices, drawn at random and ascending, each class in its share of the pool.

    A stratified sample with proportional allocation, rounded by largest remainders: Cochran, Sampling Techniques
    (1977), chapter 5.
    """
    wanted, remainders = np.divmod(np.bincount(labels[pool]) * count, len(pool))
    wanted[np.argsort(-remainders, kind="stable")[: count - wanted.sum()]] += 1
    drawn = [random.permutation(pool[labels[pool] == label])[:size] for label, size in enumerate(wanted)]
    return np.sort(np.concatenate(drawn))


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
