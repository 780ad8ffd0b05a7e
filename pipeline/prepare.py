"""prepare: the training, validation and test images as arrays."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline import files, idx, paths
from pipeline.errors import UserError
from pipeline.params import Prepare
from pipeline.stage import stage

SPLITS = ("train", "validation", "test")
TEST_SET = {  # how the test set was treated: said wherever its score is quoted
    "holdout": "unseen",
    "test": "used for validation",
}


@dataclass(frozen=True)
class Split:
    """Images uint8 (n, height, width) and labels uint8 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise UserError(f"data/raw: {len(self.images)} images but {len(self.labels)} labels")


def split(train: Split, test: Split, settings: Prepare) -> dict[str, Split]:
    """Return the train, validation and test split: the first images train, the next ones or the test set validate.

    Raises UserError when the training set has too few images, the test set none, or their sizes differ.
    """
    if not len(test.images):
        raise UserError("data/raw: the test set has no images")
    if train.images.shape[1:] != test.images.shape[1:]:
        sizes = ["x".join(map(str, part.images.shape[1:])) for part in (train, test)]
        raise UserError(f"data/raw: the training images are {sizes[0]}, the test images {sizes[1]}; they must agree")
    available = len(train.images)
    last = settings.train_size + (settings.validation_size if settings.validation == "holdout" else 0)
    if last > available:
        asked = f"prepare.train_size: found {settings.train_size}"
        if settings.validation == "holdout":
            asked += f" with prepare.validation_size {settings.validation_size}, {last} together"
        raise UserError(f"params.yaml: {asked}; the training set has {available} images")
    first = slice(None, settings.train_size)
    following = slice(settings.train_size, last)
    holdout = Split(train.images[following], train.labels[following])
    return {
        "train": Split(train.images[first], train.labels[first]),
        "validation": holdout if settings.validation == "holdout" else test,
        "test": test,
    }


def class_counts(labels: NDArray[np.uint8], classes: int) -> dict[str, int]:
    """Return how many images each class has."""
    return {str(label): int(count) for label, count in enumerate(np.bincount(labels, minlength=classes))}


def load(name: Literal["train", "validation", "test"]) -> Split:
    """Return a prepared split, its images mapped from disk rather than read."""
    return Split(
        np.load(paths.PREPARED / f"{name}_images.npy", mmap_mode="r"),
        np.load(paths.PREPARED / f"{name}_labels.npy"),
    )


def choose(index: int | None, images: NDArray[np.uint8], seed: int, key: str) -> int:
    """Return the named index of an image, or one that the seed draws where it is None.

    Raises UserError, naming `key` of params.yaml, when there is no such image.
    """
    if index is None:
        return int(np.random.default_rng(seed).integers(len(images)))
    if index >= len(images):
        raise UserError(f"params.yaml: {key}: found {index}; allowed are 0 to {len(images) - 1}")
    return index


def read_raw(part: Literal["train", "t10k"]) -> Split:
    """Return the images and labels of two IDX files in data/raw."""
    arrays: list[Any] = []
    for kind, dimensions in (("images-idx3", 3), ("labels-idx1", 1)):
        path = paths.RAW / f"{part}-{kind}-ubyte"
        arrays.append(idx.decode(path.read_bytes(), str(path), dimensions))
    return Split(*arrays)


def main() -> None:
    """Write the splits into data/prepared and their class counts into metrics/prepare.json."""
    with stage("prepare") as run:
        settings = run.params.prepare
        train, test = read_raw("train"), read_raw("t10k")
        splits = split(train, test, settings)
        classes = int(max(train.labels.max(), test.labels.max())) + 1
        for name, part in splits.items():
            files.write_array(paths.PREPARED / f"{name}_images.npy", part.images)
            files.write_array(paths.PREPARED / f"{name}_labels.npy", part.labels)
        files.write_json(
            paths.metrics("prepare"),
            {f"{name}_images": len(part.images) for name, part in splits.items()}
            | {"test_set": TEST_SET[settings.validation]}
            | {f"{name}_class_counts": class_counts(part.labels, classes) for name, part in splits.items()},
        )


if __name__ == "__main__":
    main()
