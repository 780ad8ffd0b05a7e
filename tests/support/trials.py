"""Trials and the results of a study, made up, to be told to MLflow."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.tracking.studies import TrackedTrial

SETTINGS = {"model.dropout": 0.25, "model.filters": [32], "train.early_stopping": None}


def trial(variant: str = "baseline", seed: int = 0, study: str = "dropout", **changes: Any) -> TrackedTrial:
    """A trial of which the network of the first of two epochs was kept; `content` stands for its settings."""
    content = changes.pop("content", variant)
    value = 0.9 + seed / 100 + len(content) / 1000
    history = pd.DataFrame({
        "epoch": [1, 2], "loss": [0.5, 0.4], "accuracy": [0.8, 0.9],
        "val_loss": [0.3, 0.4], "val_accuracy": [value, 0.5],
    })  # fmt: skip
    made: dict[str, Any] = {
        "key": hashlib.sha256(f"{content} {seed}".encode()).hexdigest(),
        "study": study,
        "variant": variant,
        "seed": seed,
        "settings": SETTINGS | {"train.seed": seed},
        "history": history,
        "scores": {"test_accuracy": value + 0.01, "loss": 0.4, "val_accuracy": value, "misclassification_auroc": None},
        "seconds": 3.5,
        "failed": None,
    }
    return TrackedTrial(**(made | changes))


def verdict(variant: str, measure: str, difference: float) -> dict[str, Any]:
    """A verdict as verdicts.json has it, some of its numbers."""
    return {
        "variant": variant, "baseline": "baseline", "measure": measure, "better": "higher", "worth": 0.002, "seeds": 12,
        "difference": difference, "low": difference - 0.001, "high": difference + 0.001, "low_new": None,
        "p_holm": 0.002,
        "verdict": "better, by more than matters", "sentence": f"{variant}: {100 * difference:+.2f} points",
    }  # fmt: skip


def write_results(folder: Path, variants: tuple[str, ...] = ("dropout off",), difference: float = 0.0046) -> Path:
    """Write the files of a study's results into a new folder."""
    folder.mkdir(parents=True)
    measures = ["test_accuracy", "test_loss"]
    study = {
        "study": "dropout", "question": "Does this network need its dropout?", "claim": None, "arms": [], "seeds": 12,
        "vary": ["train.seed", "prepare.seed"], "measures": [{"name": name, "worth": 0.002} for name in measures],
        "trials": 24, "failed": 0, "test_images": 10000, "settings": {"prepare.train_size": 20000},
        "verdicts": [
            verdict(name, measure, difference + place / 1000)
            for measure in measures for place, name in enumerate(variants)
        ],
        "null": {"splits": 2000, "false_alarms": 0.03, "sentence": "3 % false alarms"},
        "reference": [{"measure": "val_accuracy", "epoch": epoch, "published": 0.9, "mean": 0.91} for epoch in (1, 2)]
        + [{"measure": "test_accuracy", "epoch": None, "published": 0.95, "mean": 0.96}],
    }  # fmt: skip
    (folder / "verdicts.json").write_text(json.dumps(study))
    for name in ("trials.csv", "curves.csv", "summary.md", "forest.svg"):
        (folder / name).write_text(f"{name}\n")
    return folder
