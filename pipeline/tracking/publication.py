"""The one complete run of a content in MLflow: written, found again, mended, kept single among many publishers."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric, Run
from mlflow.exceptions import MlflowException

from pipeline.config import paths, repository
from pipeline.data import prepared
from pipeline.tracking import client as tracking_client
from pipeline.tracking import experiment as experiments
from pipeline.tracking import lineage, mlflow_model, store
from pipeline.tracking.experiment import Experiment
from pipeline.tracking.outbox import now

ABANDONED = 60 * 60 * 1000  # milliseconds after which an unfinished run is nobody's work any more


def publish(client: MlflowClient, experiment: Experiment) -> tuple[str, str]:
    """Return the id of the one complete run of this content, and what was done: written, mended or found.

    Others may publish the same content to the same store at the same time, and no lock is common to all. So each
    finishes its run and then looks: of all finished runs of a content the one with the smallest start time and id
    stays, and whoever looks withdraws the others. That one is never withdrawn, since it is the smallest in every look,
    and the last to finish sees all.
    """
    home = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
    with store.lock():
        withdraw_unfinished(client, home)
        standing = keep_first(client, home, experiment.key)
        if standing and not mlflow_model.find(client, standing):
            withdraw(client, standing)
        elif standing:
            return standing.info.run_id, "mended" if log_files(client, standing, experiment) else "found"
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
        log_files(client, run, experiment, producers)
        if standing := keep_first(client, home, experiment.key):  # somebody else was faster
            withdraw(client, run)
            return standing.info.run_id, "found"
        client.set_terminated(run.info.run_id, "FINISHED", end_time=now())
        kept = keep_first(client, home, experiment.key) or run
    return kept.info.run_id, "written" if kept.info.run_id == run.info.run_id else "found"


def withdraw_unfinished(client: MlflowClient, home: str) -> None:
    """Withdraw runs that a publisher of this repository left unfinished, and those of others after an hour.

    Those that were withdrawn before are among them when somebody restores their experiment.
    """
    for run in client.search_runs([home], "attributes.status != 'FINISHED'"):
        is_own = run.data.tags.get("publisher") == store.publisher()
        if "content" in run.data.tags and (is_own or now() - run.info.start_time > ABANDONED):
            withdraw(client, run)


def keep_first(client: MlflowClient, home: str, content: str) -> Run | None:
    """Return the finished run of a content that stays, if there is one, and withdraw the others."""
    finished = client.search_runs([home], f"tags.content = '{content}' and attributes.status = 'FINISHED'")
    first, *others = sorted(finished, key=lambda run: (run.info.start_time, run.info.run_id)) or [None]
    for run in others:
        withdraw(client, run)
    return first


def withdraw(client: MlflowClient, run: Run) -> None:
    """Delete a run and its model, both marked so that neither counts when its experiment is restored.

    Another publisher may do the same at the same time.
    """
    try:
        client.set_terminated(run.info.run_id, "KILLED", end_time=run.info.end_time or now())
        for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
            client.delete_logged_model(model.model_id)
        client.delete_run(run.info.run_id)
    except MlflowException as error:
        if error.error_code not in (*tracking_client.REFUSALS, "RESOURCE_DOES_NOT_EXIST"):
            raise


def log_numbers(client: MlflowClient, run_id: str, experiment: Experiment, producers: dict[str, Run]) -> None:
    """Log settings, curves, metrics, and the seconds of each stage."""
    tracking_client.log_params(client, run_id, experiment.settings)
    time = now()
    curves = [
        Metric(name, float(row[name]), time, int(row["epoch"]))
        for row in experiment.curves.to_dict("records")
        for name in experiment.curves.columns.drop("epoch")
    ]
    client.log_batch(run_id, metrics=curves)
    seconds = {f"seconds/{name}": run.data.metrics["seconds"] for name, run in producers.items()}
    single = {name: value for name, value in experiment.metrics.items() if name not in experiment.curves.columns}
    client.log_batch(run_id, metrics=[Metric(name, value, time, 0) for name, value in (single | seconds).items()])


def log_files(client: MlflowClient, run: Run, experiment: Experiment, producers: dict[str, Run] | None = None) -> bool:
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
    example = np.asarray(prepared.load("test").images[:1])
    with np.load(paths.PREDICTIONS) as saved:
        classes = saved["probabilities"].shape[1]
    return mlflow_model.log(client, run, paths.MODEL, example, classes) or is_missing


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
