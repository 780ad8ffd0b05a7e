"""publish: one complete MLflow run for the experiment as it stands, whichever stages DVC took from its cache."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from pipeline import prepare
from pipeline.config import params, paths
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.tracking import client as mlflow_runs
from pipeline.tracking import lineage as results
from pipeline.tracking import mlflow_model, store
from pipeline.tracking import outbox as records
from pipeline.tracking import run as tracking
from pipeline.tracking.stage import stage

STAGES = ("fetch", "prepare", "kernel_demo", "train", "evaluate", "error_analysis", "visualise", "report")
ARTIFACTS = [Path("params.yaml"), Path("dvc.lock"), paths.METRICS, paths.FIGURES, paths.REPORT, paths.LAYERS_TEXT]


@dataclass(frozen=True)
class Record:
    """All that is to be known of an experiment, read from its files."""

    key: str  # the digest of settings and results, without any time
    settings: dict[str, Any]
    metrics: dict[str, float]
    curves: pd.DataFrame  # one row an epoch
    digests: dict[str, str]  # the digest of each stage's results
    outputs: dict[str, str]  # the hashes in dvc.lock
    test_set: str


def read(settings: params.Params) -> Record:
    """Read the experiment of the present workspace.

    Raises UserError when a stage's result is missing.
    """
    digests = {}
    for name in STAGES:
        made = results.declared(name).results
        for path in made:
            if not path.exists():
                raise UserError(f"publish: {path} is missing; `dvc repro` or `dvc checkout` brings it back")
        digests[name] = results.digest(made)
    flat = params.flat(settings)
    metrics: dict[str, Any] = {}
    for path in sorted(paths.METRICS.glob("*.json")):
        metrics |= files.read_json(path)
    return Record(
        key=hashlib.sha256(json.dumps([flat, digests], sort_keys=True).encode()).hexdigest(),
        settings=flat,
        metrics=results.numbers(metrics),
        curves=pd.read_csv(paths.HISTORY),
        digests=digests,
        outputs=results.hashes(),
        test_set=metrics["test_set"],
    )


def name_of(settings: dict[str, Any], committed: dict[str, Any]) -> str:
    """Return what differs from the committed settings, `train.epochs=12, model.dropout=0.5`, or `baseline`."""
    changed = [f"{key}={value}" for key, value in settings.items() if committed.get(key) != value]
    return ", ".join(changed) or "baseline"


def description(record: Record) -> str:
    """Return the headline numbers as Markdown."""
    metrics = record.metrics
    return (
        f"**{100 * metrics['test_accuracy']:.2f} %** of the test set right "
        f"(95 % interval {100 * metrics['test_accuracy_low']:.2f} to {100 * metrics['test_accuracy_high']:.2f} %), "
        f"loss {metrics['test_loss']:.4f}, {metrics['wrong']:.0f} images wrong; "
        f"validation accuracy {100 * metrics['kept_val_accuracy']:.2f} %.\n\n"
        f"Test set: {record.test_set}.\n\n"
        "The whole story: `report/index.html` among the artifacts."
    )


def publish(client: MlflowClient, record: Record, name: str) -> tuple[str, bool]:
    """Return the id of the one complete run of this content, and whether it had to be written.

    A run that an earlier process began and did not finish is deleted.
    """
    experiment = client.get_experiment_by_name(mlflow_runs.EXPERIMENTS).experiment_id
    with store.lock():
        for run in client.search_runs([experiment], f"tags.content = '{record.key}'"):
            if run.info.status == "FINISHED":
                return run.info.run_id, False
            client.delete_run(run.info.run_id)
        producers = find_producers(client, record)
        tags = {
            "content": record.key,
            **tracking.code_tags(),
            **{f"stage.{stage_name}": run.info.run_id for stage_name, run in producers.items()},
            **{f"dvc.lock/{path}": md5 for path, md5 in record.outputs.items()},
            "test_set": record.test_set,
            "mlflow.note.content": description(record),
            "mlflow.source.name": "dvc.yaml",
            "mlflow.source.type": "PROJECT",
        }
        run_id = client.create_run(experiment, run_name=name, tags=tags, start_time=records.now()).info.run_id
        log(client, run_id, record, producers)
        client.set_terminated(run_id, "FINISHED", end_time=records.now())
    return run_id, True


def log(client: MlflowClient, run_id: str, record: Record, producers: dict[str, Run]) -> None:
    """Log settings, metrics, curves, seconds a stage, artifacts and the model."""
    mlflow_runs.log_params(client, run_id, record.settings)
    now = records.now()
    curves = [
        Metric(name, float(row[name]), now, int(row["epoch"]))
        for row in record.curves.to_dict("records")
        for name in record.curves.columns.drop("epoch")
    ]
    client.log_batch(run_id, metrics=curves)
    single = {name: value for name, value in record.metrics.items() if name not in record.curves.columns}
    seconds = {f"seconds.{name}": run.data.metrics["seconds"] for name, run in producers.items()}
    client.log_batch(run_id, metrics=[Metric(name, value, now, 0) for name, value in (single | seconds).items()])
    for place in filter(Path.exists, ARTIFACTS):
        if place.is_dir():
            client.log_artifacts(run_id, str(place), str(place))
        else:
            client.log_artifact(run_id, str(place), "" if place.parent == Path() else str(place.parent))
    test = prepare.load("test").images
    with np.load(paths.PREDICTIONS) as saved:
        classes = saved["probabilities"].shape[1]
    mlflow_model.log(client, run_id, paths.MODEL, np.asarray(test[:1]), classes)


def find_producers(client: MlflowClient, record: Record) -> dict[str, Run]:
    """Return the latest stage runs that made exactly these results, where the store still has them."""
    experiment = client.get_experiment_by_name(mlflow_runs.STAGES).experiment_id
    found = {}
    for name, digest in record.digests.items():
        made_it = f"tags.stage = '{name}' and tags.results = '{digest}' and attributes.status = 'FINISHED'"
        runs = client.search_runs([experiment], made_it, max_results=1)
        if runs and "seconds" in runs[0].data.metrics:
            found[name] = runs[0]
    return found


def committed_settings() -> dict[str, Any]:
    """Return the settings of the last commit; none where there is no commit or they no longer fit."""
    try:
        return params.flat(params.parse(store.git("show", "HEAD:./params.yaml"), "HEAD:params.yaml"))
    except UserError:
        return {}


def main() -> None:
    """Write the run, unless this very content has one already, and note its content."""
    with stage("publish") as run:
        record = read(run.params)
        client = mlflow_runs.connect()
        mlflow_runs.deliver_ended(client)  # the runs of the stages before, so that the complete one can name them
        run_id, written = publish(client, record, name_of(record.settings, committed_settings()))
        files.write_json(paths.PUBLISHED, {"content": record.key})
        print(f"publish: run {run_id} {'written' if written else 'holds this content already'}")


if __name__ == "__main__":
    main()
