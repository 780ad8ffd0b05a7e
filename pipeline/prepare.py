"""prepare: the training, validation and test images as arrays."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.params import Prepare
from pipeline.data import files, idx
from pipeline.tracking.stage import stage

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


def check_classes(labels: NDArray[np.uint8], names: list[str], settings: Prepare) -> None:
    """Raise UserError when the images that train lack a class, as those of an unshuffled data set may."""
    missing = np.setdiff1d(np.arange(len(names)), labels)
    if len(missing):
        none = f"class {missing[0]} ({names[missing[0]]}) has none"
        raise UserError(
            f"params.yaml: prepare.train_size: found {settings.train_size}; among the {len(labels)} images that train "
            f"{none}; take more of them, or shuffle your data"
        )


def class_counts(labels: NDArray[np.uint8], classes: int) -> dict[str, int]:
    """Return how many images each class has."""
    return {str(label): int(count) for label, count in enumerate(np.bincount(labels, minlength=classes))}


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


def main() -> None:
    """Write the splits and class names into data/prepared, their class counts into metrics/prepare.json."""
    with stage("prepare") as run:
        settings = run.params.prepare
        arrays = {
            name: idx.decode((paths.RAW / name).read_bytes(), str(paths.RAW / name), 3 if "images" in name else 1)
            for name in idx.FILES
        }
        classes = files.read_lines(paths.RAW / paths.CLASS_NAMES)
        splits = split(
            Split(arrays[idx.TRAIN_IMAGES], arrays[idx.TRAIN_LABELS]),
            Split(arrays[idx.TEST_IMAGES], arrays[idx.TEST_LABELS]),
            settings,
        )
        check_classes(splits["train"].labels, classes, settings)
        for name, part in splits.items():
            files.write_array(paths.PREPARED / f"{name}_images.npy", part.images)
            files.write_array(paths.PREPARED / f"{name}_labels.npy", part.labels)
        files.write_text(paths.PREPARED / paths.CLASS_NAMES, "\n".join(classes) + "\n")
        files.write_json(
            paths.metrics("prepare"),
            {f"{name}_images": len(part.images) for name, part in splits.items()}
            | {"test_set": TEST_SET[settings.validation], "class_names": classes}
            | {f"{name}_class_counts": class_counts(part.labels, len(classes)) for name, part in splits.items()},
        )


if __name__ == "__main__":
    main()
