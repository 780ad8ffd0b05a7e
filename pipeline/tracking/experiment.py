"""A whole experiment as one MLflow run, keyed by its content: settings and results, without any time."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from pipeline.config import params, paths, repository
from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.data import files, prepared
from pipeline.tracking import client as tracking_client
from pipeline.tracking import lineage, mlflow_model, store
from pipeline.tracking.outbox import now

NAMED = 6  # changed settings that a run's name spells out


@dataclass(frozen=True)
class Experiment:
    """All that is to be known of an experiment, read from its files."""

    key: str  # the digest of settings and results, without any time
    settings: dict[str, Any]
    metrics: dict[str, float]
    curves: pd.DataFrame  # one row an epoch
    digests: dict[str, str]  # the digest of each stage's results, for every stage before publish
    files: list[Path]  # what is kept of them with the run
    outputs: dict[str, str]  # the hashes in dvc.lock
    test_set: str


def read(settings: Params) -> Experiment:
    """Read the experiment of the present workspace.

    Raises UserError when a stage's result is missing.
    """
    made = {name: lineage.declared(name).results for name in lineage.stages() if name != "publish"}
    results = sorted(path for of_stage in made.values() for path in of_stage)
    for path in results:
        if not path.exists():
            raise UserError(f"publish: {path} is missing; `dvc repro` or `dvc checkout` brings it back")
    digests = {name: lineage.digest(of_stage) for name, of_stage in made.items()}
    flat = params.flat(settings)
    metrics: dict[str, Any] = {}
    for path in results:
        if path.parent == paths.METRICS and path.suffix == ".json":
            metrics |= files.read_json(path)
    return Experiment(
        key=hashlib.sha256(json.dumps([flat, digests], sort_keys=True).encode()).hexdigest(),
        settings=flat,
        metrics=lineage.numbers(metrics),
        curves=pd.read_csv(paths.HISTORY),
        digests=digests,
        files=[
            *[Path("params.yaml"), Path("dvc.lock"), paths.LAYERS_TEXT],
            *[path for path in results if path.parts[0] not in ("data", "models")],
        ],
        outputs=lineage.hashes(),
        test_set=metrics["test_set"],
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
        f"validation accuracy {100 * metrics['best_val_accuracy']:.2f} %.\n\n"
        f"Test set: {experiment.test_set}.\n\n"
        "The whole story: `report/index.html` among the artifacts."
    )


def publish(client: MlflowClient, experiment: Experiment) -> tuple[str, bool]:
    """Return the id of the one complete run of this content, and whether it had to be written.

    A run that an earlier process began and did not finish is deleted.
    """
    home = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
    with store.lock():
        for run in client.search_runs([home], f"tags.content = '{experiment.key}'"):
            if run.info.status == "FINISHED":
                return run.info.run_id, False
            client.delete_run(run.info.run_id)
        producers = find_producers(client, experiment)
        name = name_of(experiment, committed_settings())
        tags = {
            "content": experiment.key,
            **repository.code_tags(),
            **{f"stage.{stage_name}": run.info.run_id for stage_name, run in producers.items()},
            **{f"dvc.lock/{path}": md5 for path, md5 in experiment.outputs.items()},
            "test_set": experiment.test_set,
            "mlflow.note.content": description(experiment),
            "mlflow.source.name": "dvc.yaml",
            "mlflow.source.type": "PROJECT",
        }
        run_id = client.create_run(home, run_name=name, tags=tags, start_time=now()).info.run_id
        log(client, run_id, experiment, producers)
        client.set_terminated(run_id, "FINISHED", end_time=now())
    return run_id, True


def log(client: MlflowClient, run_id: str, experiment: Experiment, producers: dict[str, Run]) -> None:
    """Log settings, metrics, curves, seconds a stage, artifacts and the model."""
    tracking_client.log_params(client, run_id, experiment.settings)
    time = now()
    curves = [
        Metric(name, float(row[name]), time, int(row["epoch"]))
        for row in experiment.curves.to_dict("records")
        for name in experiment.curves.columns.drop("epoch")
    ]
    client.log_batch(run_id, metrics=curves)
    single = {name: value for name, value in experiment.metrics.items() if name not in experiment.curves.columns}
    seconds = {f"seconds.{name}": run.data.metrics["seconds"] for name, run in producers.items()}
    client.log_batch(run_id, metrics=[Metric(name, value, time, 0) for name, value in (single | seconds).items()])
    for place in filter(Path.exists, experiment.files):
        if place.is_dir():
            client.log_artifacts(run_id, str(place), str(place))
        else:
            client.log_artifact(run_id, str(place), "" if place.parent == Path() else str(place.parent))
    test = prepared.load("test").images
    with np.load(paths.PREDICTIONS) as saved:
        classes = saved["probabilities"].shape[1]
    mlflow_model.log(client, run_id, paths.MODEL, np.asarray(test[:1]), classes)


def find_producers(client: MlflowClient, experiment: Experiment) -> dict[str, Run]:
    """Return the latest stage runs that made exactly these results, where the store still has them."""
    home = client.get_experiment_by_name(tracking_client.STAGES).experiment_id
    found = {}
    for name, digest in experiment.digests.items():
        made_it = f"tags.stage = '{name}' and tags.results = '{digest}' and attributes.status = 'FINISHED'"
        runs = client.search_runs([home], made_it, max_results=1)
        if runs and "seconds" in runs[0].data.metrics:
            found[name] = runs[0]
    return found
