"""A whole experiment as its files tell it, keyed by its content: settings and results, without any time."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config import params, paths, repository
from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.data import files
from pipeline.tracking import lineage

NAMED = 6  # changed settings that a run's name spells out
# the metrics that keep their names; the others get their stage before it, by which MLflow groups their charts
HEADLINES = {
    *["loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "test_accuracy_low"],
    *["test_accuracy_high", "shift_4_accuracy", "robustness_mean", "wrong", "misclassification_auroc"],
}


@dataclass(frozen=True)
class Experiment:
    """All that is to be known of an experiment, read from its files."""

    key: str  # the digest of settings and results, without any time
    settings: dict[str, Any]
    metrics: dict[str, float]
    curves: pd.DataFrame  # one row an epoch
    digests: dict[str, str]  # the digest of each stage's results, for every stage before publish
    files: list[Path]  # those kept with the run
    outputs: dict[str, str]  # the hashes in dvc.lock
    test_set: str


def read(settings: Params) -> Experiment:
    """Read the experiment of the present workspace.

    Raises UserError when a stage's result is missing, or is not what params.yaml and dvc.lock say.
    """
    made = {name: lineage.declared(name).results for name in lineage.stages() if name != "publish"}
    results = sorted(path for of_stage in made.values() for path in of_stage)
    for path in results:
        if not path.exists():
            raise UserError(f"publish: {path} is missing; `dvc repro` or `dvc checkout` brings it back")
    lineage.check()
    digests = {name: lineage.digest(of_stage) for name, of_stage in made.items()}
    flat = params.flat(settings)
    metrics: dict[str, float] = {}
    test_set = ""
    for path in results:
        if path.parent == paths.METRICS and path.suffix == ".json":
            content = files.read_json(path)
            numbers = lineage.numbers(content)
            metrics |= {key if key in HEADLINES else f"{path.stem}/{key}": value for key, value in numbers.items()}
            test_set = content.get("test_set", test_set)
    kept = [path for path in results if path.parts[0] not in ("data", "models")]
    return Experiment(
        key=hashlib.sha256(json.dumps([flat, digests], sort_keys=True).encode()).hexdigest(),
        settings=flat,
        metrics=metrics,
        curves=pd.read_csv(paths.HISTORY),
        digests=digests,
        files=[
            *[Path("params.yaml"), paths.LAYERS_TEXT, paths.PREDICTIONS, paths.TRAINED_KERNELS],
            *[file for path in kept for file in lineage.files_in(path)],
        ],
        outputs=lineage.hashes(),
        test_set=test_set,
    )


def name_of(experiment: Experiment, committed: dict[str, Any] | None) -> str:
    """Return what differs from the committed settings, `train.epochs=12, model.dropout=0.5`, or `baseline`.

    Where nothing is known of the committed settings, the beginning of the content's key.
    """
    if committed is None:
        return f"content {experiment.key[:8]}"
    changed = [f"{key}={value}" for key, value in experiment.settings.items() if committed.get(key) != value]
    more = [f"{len(changed) - NAMED} more"] if len(changed) > NAMED else []
    return ", ".join([*changed[:NAMED], *more]) or "baseline"


def committed_settings() -> dict[str, Any] | None:
    """Return the settings of the last commit as they stand, valid today or not; None where none can be read."""
    try:
        return params.leaves_of(params.read_tree(repository.git("show", "HEAD:./params.yaml"), "HEAD:params.yaml"))
    except UserError:
        return None


def description(experiment: Experiment) -> str:
    """Return the headline numbers as Markdown."""
    metrics = experiment.metrics
    return (
        f"**{100 * metrics['test_accuracy']:.2f} %** of the test set right "
        f"(95 % interval {100 * metrics['test_accuracy_low']:.2f} to {100 * metrics['test_accuracy_high']:.2f} %), "
        f"loss {metrics['test_loss']:.4f}, {metrics['wrong']:.0f} images wrong; "
        f"validation accuracy {100 * metrics['train/best_val_accuracy']:.2f} %.\n\n"
        f"Test set: {experiment.test_set}.\n\n"
        "The whole story: `report/index.html` among the artifacts."
    )
