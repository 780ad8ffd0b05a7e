"""What differs between two recorded runs, A and B, and what of it can be compared at all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics import paired
from pipeline.studies.measures import MEASURES, Measure
from pipeline.tracking.recorded import Predictions, Recorded

NONE = "—"
PLACES = ("fetch.dataset", "fetch.source")
# the measures that are told first, in this order; the others follow by the names that their files give them
TOLD = {
    "test_accuracy": MEASURES["test_accuracy"],
    "test_loss": MEASURES["test_loss"],
    "wrong": Measure("test images wrong", digits=0),
    "shift_4_accuracy": Measure("accuracy on moved test images", 100, "points", 2),
    "robustness_mean": Measure("accuracy on corrupted test images", 100, "points", 2),
    "misclassification_auroc": Measure("AUROC of low confidence for a wrong answer"),
    "expected_calibration_error": Measure("expected calibration error"),
    "best_val_accuracy": MEASURES["val_accuracy"],
    "best_val_loss": MEASURES["val_loss"],
    "best_epoch": Measure("epoch whose weights were kept", digits=0),
    "parameters": Measure("parameters", digits=0),
    "learnt_edge_auroc": Measure("edge AUROC of the learnt kernels"),
}


@dataclass(frozen=True)
class Row:
    """A measure of both runs, as it is told."""

    title: str
    a: str
    b: str
    difference: str  # B - A
    interval: str


@dataclass(frozen=True)
class Pairs:
    """The answers of both networks to the same images (n,)."""

    a: Predictions
    b: Predictions

    @property
    def won(self) -> NDArray[np.bool_]:
        """The images that B alone gets right."""
        return self.b.right & ~self.a.right

    @property
    def lost(self) -> NDArray[np.bool_]:
        """The images that A alone gets right."""
        return self.a.right & ~self.b.right

    @property
    def p(self) -> float:
        """McNemar's exact p."""
        return paired.mcnemar(self.a.right, self.b.right)

    def most_changed(self, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the indices of the chosen images by how much the probability of the true class changed."""
        before, after = (one.probabilities[np.arange(len(one.labels)), one.labels] for one in (self.a, self.b))
        return paired.most_changed(chosen, after - before)

    def intervals(self) -> dict[str, tuple[float, float, float]]:
        """Return the difference B - A, and its 95 % interval, of the measures that have a value an image."""
        losses = [paired.cross_entropies(one.probabilities, one.labels) for one in (self.a, self.b)]
        return {
            "test_accuracy": paired.accuracy_difference(self.a.right, self.b.right),
            "test_loss": paired.mean_difference(*losses),
        }


def settings(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return each key whose values differ, with both, a dash where a version has no such setting.

    Of a place only its name is told, and not in whose home it lies.
    """
    rows = []
    for key in [*a, *(key for key in b if key not in a)]:
        if key in a and key in b and a[key] == b[key]:
            continue
        texts = [as_yaml(one[key]) if key in one else NONE for one in (a, b)]
        if key in PLACES:
            names = [Path(text).name for text in texts]
            texts = names if names[0] != names[1] else [names[0], f"{names[1]}, in another folder"]
        rows.append((key, texts[0], texts[1]))
    return rows


def as_yaml(value: Any) -> str:
    """Return a setting as it stands in params.yaml, on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def unlike_tests(a: Recorded, b: Recorded) -> str:
    """Return how the test sets of two runs differ; nothing where their scores can be compared."""
    if a.classes and b.classes and a.classes != b.classes:
        return f"their classes differ ({', '.join(a.classes)} against {', '.join(b.classes)})"
    counts = [int(run.metrics.get("test_images", 0)) for run in (a, b)]
    if 0 not in counts and counts[0] != counts[1]:
        return f"their test sets have {counts[0]:,} and {counts[1]:,} images"
    datasets = [run.settings.get("fetch.dataset") for run in (a, b)]
    if datasets[0] != datasets[1] and a.images_hash != b.images_hash:
        return "their data sets differ"
    if a.predictions and b.predictions:
        if not np.array_equal(a.predictions.labels, b.predictions.labels):
            return "their test images have other labels"
        if a.predictions.probabilities.shape != b.predictions.probabilities.shape:
            return "they know other numbers of classes"
    return ""


def remarks(runs: dict[str, Recorded]) -> Iterator[str]:
    """Yield what a reader must know before believing a comparison."""
    for name, run in runs.items():
        for line in run.unlike:
            yield f"{name}: {line}: its results are not those of its settings."
    a, b = runs.values()
    if reason := unlike_tests(a, b):
        yield f"The scores are shown, and their differences are not: {reason}."
    elif a.images_hash and b.images_hash and a.images_hash != b.images_hash:
        yield "The test images have the same labels and other pixels; they are taken for the same pictures."
    for name, run in runs.items():
        if run.settings.get("prepare.validation") == "test":
            yield f"{name}: the test set was used for validation, so its score is no estimate for unseen images."


def measures(a: Recorded, b: Recorded, pairs: Pairs | None) -> tuple[list[Row], list[Row]]:
    """Return a row for each measure of TOLD that either has, and for each other one in which the two differ."""
    intervals = pairs.intervals() if pairs else {}
    comparable = not unlike_tests(a, b)

    def row(name: str) -> Row:
        measure = TOLD.get(name, Measure(name))
        before, after = a.metrics.get(name), b.metrics.get(name)
        by = after - before if comparable and before is not None and after is not None else None
        ends = intervals.get(name, ())[1:]
        return Row(
            measure.title,
            as_value(measure, before),
            as_value(measure, after),
            NONE if by is None else as_difference(measure, by),
            " to ".join(as_difference(measure, end).removesuffix(" points") for end in ends),
        )

    named = [name for name in TOLD if name in a.metrics or name in b.metrics]
    others = sorted((a.metrics.keys() | b.metrics.keys()) - TOLD.keys())
    return [row(name) for name in named], [row(name) for name in others if a.metrics.get(name) != b.metrics.get(name)]


def as_value(measure: Measure, value: float | None) -> str:
    """Return a value as it is told, a share as a percentage."""
    return NONE if value is None else f"{value * measure.scale:,.{measure.digits}f}" + " %" * bool(measure.unit)


def as_difference(measure: Measure, value: float) -> str:
    """Return a difference with its sign, that of shares in points."""
    if not value:
        return "0"
    text = f"{value * measure.scale:+,.{measure.digits}f}".replace("-", "\N{MINUS SIGN}")
    return f"{text} {measure.unit}".strip()
