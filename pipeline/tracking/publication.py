"""The one complete run of a content in MLflow: written, found again, mended."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from pipeline.config import paths, repository
from pipeline.data import prepared
from pipeline.tracking import client as tracking_client
from pipeline.tracking import experiment as experiments
from pipeline.tracking import lineage, mlflow_model, single, store
from pipeline.tracking.experiment import Experiment
from pipeline.tracking.outbox import now


def publish(client: MlflowClient, experiment: Experiment, wrapper: Path) -> tuple[Run, str]:
    """Return the one complete run of this content, and what was done: written, mended or found.

    `wrapper` is the module with which its model answers.

    Others may publish the same content to the same store at the same time: pipeline/tracking/single.py says who stays.
    """
    home = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
    with store.lock():
        single.withdraw_unfinished(client, home)
        standing = single.keep_first(client, home, experiment.key)
        if standing and not mlflow_model.find(client, standing):
            single.withdraw(client, standing)
        elif standing:
            return standing, "mended" if log_files(client, standing, experiment, wrapper) else "found"
        producers = find_producers(client, experiment)
        tags = {
            "content": experiment.key,
            "publisher": store.publisher(),
            **repository.code_tags(),
            "test_set": experiment.test_set,
            "mlflow.note.content": experiments.description(experiment),
            "mlflow.source.name": "dvc.yaml",
            "mlflow.source.type": "PROJECT",
        }
        name = experiments.name_of(experiment, experiments.committed_settings())
        run = client.create_run(home, run_name=name, tags=tags, start_time=now())
        log_numbers(client, run.info.run_id, experiment, producers)
        log_files(client, run, experiment, wrapper, producers)
        kept = single.finish(client, run)
    return kept, "written" if kept.info.run_id == run.info.run_id else "found"


def log_numbers(client: MlflowClient, run_id: str, experiment: Experiment, producers: dict[str, Run]) -> None:
    """Log settings, curves, metrics, and the seconds of each stage."""
    client.log_batch(run_id, params=tracking_client.as_params(experiment.settings))
    time = now()
    curves = [
        Metric(name, float(row[name]), time, int(row["epoch"]))
        for row in experiment.curves.to_dict("records")
        for name in experiment.curves.columns.drop("epoch")
    ]
    client.log_batch(run_id, metrics=curves)
    seconds = {f"seconds/{name}": run.data.metrics["seconds"] for name, run in producers.items()}
    others = {name: value for name, value in experiment.metrics.items() if name not in experiment.curves.columns}
    client.log_batch(run_id, metrics=[Metric(name, value, time, 0) for name, value in (others | seconds).items()])


def log_files(
    client: MlflowClient, run: Run, experiment: Experiment, wrapper: Path, producers: dict[str, Run] | None = None
) -> bool:
    """Log the artifacts and the model's files that the store does not hold; tell whether any were missing."""
    run_id = run.info.run_id
    stored = mlflow_model.files_below(lambda folder: client.list_artifacts(run_id, folder))
    missing = [path for path in experiment.files if path.as_posix() not in stored]
    with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
        for path in missing:
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, Path(folder, path))
        if "dvc.lock" not in stored:
            Path(folder, "dvc.lock").write_text(lineage.lock_before_publish(), encoding="utf-8")
        if "lineage.json" not in stored:
            made_by = find_producers(client, experiment) if producers is None else producers
            origin = {
                "stages": {
                    name: {"run": made_by[name].info.run_id if name in made_by else None, "results": digest}
                    for name, digest in experiment.digests.items()
                },
                "dvc.lock": experiment.outputs,
            }
            Path(folder, "lineage.json").write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        is_missing = any(Path(folder).iterdir())
        if is_missing:
            client.log_artifacts(run_id, folder)
    served = mlflow_model.Served(
        archive=paths.MODEL,
        wrapper=wrapper,
        classes=prepared.class_names(),
        scale=experiment.settings.get("fetch.scale"),
        example=np.asarray(prepared.load("test").images[:1]),
    )
    return mlflow_model.log(client, run, served) or is_missing


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
