"""One run a study's content in MLflow: its verdicts as metrics and in words, its files, its page."""

import hashlib
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric

from pipeline.config import repository
from pipeline.data import files
from pipeline.tracking import client as tracking_client
from pipeline.tracking import lineage, mlflow_model, names, single, store
from pipeline.tracking.outbox import now

VERDICTS = "verdicts.json"
CONTENT = ("trials.csv", "curves.csv", VERDICTS)
PLAIN = ("question", "claim", "vary", "seeds", "trials", "failed", "test_images")


def log_study(client: MlflowClient, name: str, results: Path, page: Path | None) -> tuple[str, str]:
    """Return the id of the one run of these results, and what was done: written, mended or found."""
    content = hashlib.sha256()
    for file in CONTENT:
        content.update(hashlib.sha256((results / file).read_bytes()).digest())
    study = files.read_json(results / VERDICTS)
    kept = [*lineage.files_in(results), *([page] if page else [])]
    with store.lock():
        home = tracking_client.home(client, tracking_client.STUDIES)
        single.withdraw_unfinished(client, home)
        if standing := single.keep_first(client, home, content.hexdigest()):
            return standing.info.run_id, "mended" if log_files(client, standing.info.run_id, kept) else "found"
        tags = {
            "content": content.hexdigest(),
            "publisher": store.publisher(),
            **repository.code_tags(),
            "study": name,
            "mlflow.note.content": description(study),
            "mlflow.source.name": f"studies/{name}.yaml",
            "mlflow.source.type": "PROJECT",
        }
        run = client.create_run(home, run_name=name, tags=tags, start_time=now())
        time = now()
        points = [Metric(key, value, time, step) for key, value, step in numbers(study)]
        client.log_batch(run.info.run_id, points, tracking_client.as_params(params(study)))
        log_files(client, run.info.run_id, kept)
        standing = single.finish(client, run)
    return standing.info.run_id, "written" if standing.info.run_id == run.info.run_id else "found"


def numbers(study: dict[str, Any]) -> list[tuple[str, float, int]]:
    """Return name, value and step of every number of the verdicts, `test_accuracy/dropout off/difference`.

    Those of a study of the baseline against itself begin with `null/`, published values and what stands beside them
    with `reference/`, their epochs as steps.
    """
    names_of = names.distinct([verdict["variant"] for verdict in study["verdicts"]])
    found = [
        (f"{verdict['measure']}/{names_of[verdict['variant']]}/{key}", value, 0)
        for verdict in study["verdicts"]
        for key, value in lineage.numbers(verdict).items()
    ]
    found += [(f"null/{key}", value, 0) for key, value in lineage.numbers(study["null"] or {}).items()]
    found += [
        (f"reference/{entry['measure']}/{key}", value, entry["epoch"] or 0)
        for entry in study["reference"] or []
        for key, value in lineage.numbers(entry).items()
        if key != "epoch"
    ]
    return found


def params(study: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked and how: the question, the seeds, what difference matters, the baseline's settings."""
    worth = {f"worth/{measure['name']}": measure["worth"] for measure in study["measures"]}
    return {**{key: study[key] for key in PLAIN}, **worth, **study["settings"]}


def description(study: dict[str, Any]) -> str:
    """Return the question and the verdicts as Markdown."""
    told = [*study["verdicts"], *([study["null"]] if study["null"] else [])]
    return "\n".join([f"**{study['question']}**", "", *[f"- {entry['sentence']}" for entry in told]])


def log_files(client: MlflowClient, run_id: str, kept: list[Path]) -> bool:
    """Log the files that the store does not hold; tell whether any were missing."""
    stored = mlflow_model.files_below(lambda folder: client.list_artifacts(run_id, folder))
    missing = [path for path in kept if path.name not in stored]
    for path in missing:
        client.log_artifact(run_id, str(path))
    return bool(missing)
