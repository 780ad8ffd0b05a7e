"""prepare: the training, validation and test images as arrays."""

import numpy as np
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.data import files, idx, prepared
from pipeline.data.classes import check_classes
from pipeline.tracking.stage import stage


def class_counts(labels: NDArray[np.uint8], classes: int) -> dict[str, int]:
    """Return how many images each class has."""
    return {str(label): int(count) for label, count in enumerate(np.bincount(labels, minlength=classes))}


def main() -> None:
    """Write the splits and class names into data/prepared, their class counts into metrics/prepare.json."""
    with stage("prepare") as run:
        settings = run.params.prepare
        arrays = {
            name: idx.decode((paths.RAW / name).read_bytes(), str(paths.RAW / name), 3 if "images" in name else 1)
            for name in idx.FILES
        }
        classes = files.read_lines(paths.RAW / paths.CLASS_NAMES)
        splits = prepared.split(
            prepared.Split(arrays[idx.TRAIN_IMAGES], arrays[idx.TRAIN_LABELS]),
            prepared.Split(arrays[idx.TEST_IMAGES], arrays[idx.TEST_LABELS]),
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
            | {"test_set": prepared.TEST_SET[settings.validation], "class_names": classes}
            | {f"{name}_class_counts": class_counts(part.labels, len(classes)) for name, part in splits.items()},
        )


if __name__ == "__main__":
    main()
