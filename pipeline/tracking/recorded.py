"""What the files of a compared run say, by the names of today, whichever version of the project wrote them."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import params, paths
from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.tracking import lineage
from pipeline.tracking.sides import SETTINGS, TEST_IMAGES, Side

# names that older versions gave to the same numbers: docs/metrics.md
OLDER = {
    "kept_epoch": "best_epoch",
    "kept_val_loss": "best_val_loss",
    "kept_val_accuracy": "best_val_accuracy",
    "visualise_image": "evaluate_image",
    "highest_probability_wrong": "confidence_wrong",
    "highest_probability_right": "confidence_right",
    "highest_probability_all": "confidence_all",
    "wrong_auroc": "misclassification_auroc",
    "silent_maps": "dead_filters",
    "kernel_change": "relative_weight_change",
}


@dataclass(frozen=True)
class Predictions:
    """What a network answered: probabilities (n, classes), predicted (n,) and the true labels (n,)."""

    probabilities: NDArray[np.float32]
    predicted: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images it got right, (n,)."""
        return np.asarray(self.predicted == self.labels)


@dataclass(frozen=True)
class Recorded:
    """A run as its files tell it; None for what they do not tell."""

    settings: dict[str, Any]
    outputs: dict[str, str]  # the hash of every result, but for publish's
    metrics: dict[str, float]
    classes: list[str] | None
    history: pd.DataFrame | None  # one row an epoch
    predictions: Predictions | None
    kernels: NDArray[np.float32] | None  # of the first convolution: height, width, channels, filters
    images: NDArray[np.uint8] | None  # those of the test set: n, height, width
    images_hash: str | None
    unlike: list[str]  # sentences on settings and files that are not those of its dvc.lock


def read(side: Side) -> Recorded:
    """Return what the files of a side say. Raises UserError where one of them cannot be read."""
    try:
        return _read(side)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"compare: {side.name}: a file of it is damaged: {error}") from None


def _read(side: Side) -> Recorded:
    files, outputs = side.files, lineage.hashes_in(side.locked)
    text = files[SETTINGS].decode(encoding="utf-8")
    settings = params.leaves_of(params.read_tree(text, f"{side.name}: {SETTINGS}"))
    metrics: dict[str, float] = {}
    classes = None
    for path in sorted(files):
        if path.suffix == ".json":
            content = json.loads(files[path])
            classes = content.get("class_names", classes)
            metrics |= {OLDER.get(name, name): value for name, value in lineage.numbers(content).items()}
    history = pd.read_csv(io.BytesIO(files[paths.HISTORY])) if paths.HISTORY in files else None
    predictions = None
    if answers := _arrays(files.get(paths.PREDICTIONS)):
        predictions = Predictions(answers["probabilities"], answers["predicted"], answers["labels"])
    images = files.get(TEST_IMAGES)
    hashes = {str(path): hashlib.md5(content, usedforsecurity=False).hexdigest() for path, content in files.items()}
    return Recorded(
        settings=settings,
        outputs=outputs,
        metrics=metrics,
        classes=classes,
        history=history,
        predictions=predictions,
        kernels=_arrays(files.get(paths.TRAINED_KERNELS)).get("learnt/convolution_1"),
        images=None if images is None else idx.decode(images, f"{side.name}: {TEST_IMAGES}", 3),
        images_hash=hashes.get(str(TEST_IMAGES), outputs.get(str(TEST_IMAGES))),
        unlike=[
            *sorted({line for name in side.locked for line in lineage.unlike(side.locked[name], settings)}),
            *[
                f"{path} is not what dvc.lock says"
                for path in hashes
                if hashes[path] != outputs.get(path, hashes[path])
            ],
        ],
    )


def _arrays(content: bytes | None) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz by their names; none of a file that is not there."""
    if content is None:
        return {}
    with np.load(io.BytesIO(content)) as saved:
        return {name: saved[name] for name in saved}
