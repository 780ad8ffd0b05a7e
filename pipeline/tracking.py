"""A tracked run for every execution of a stage. Its results are its files; MLflow only shows them."""

import hashlib
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param

from pipeline import files, params, paths, store


@dataclass(frozen=True)
class Declared:
    """What dvc.yaml says of a stage."""

    sections: list[str]  # of params.yaml
    inputs: list[str]
    results: list[Path]


@dataclass
class StageRun:
    """One execution of a stage. A store that goes away is told at the end and never stops the stage."""

    name: str
    params: params.Params
    client: MlflowClient
    run_id: str
    lost: list[str] = field(default_factory=list)  # what the store did not take
    live: set[str] = field(default_factory=set)  # metrics that have their points already

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Log one point of every curve, epochs counted from 1."""
        self.live |= metrics.keys()
        self._send(f"epoch {epoch}", lambda: log_metrics(self.client, self.run_id, metrics, step=epoch))

    def finish(self, costs: dict[str, float], results: list[Path]) -> None:
        """Log what came out and close the run."""
        metrics = files.read_json(paths.metrics(self.name)) if paths.metrics(self.name) in results else {}
        values = costs | {name: value for name, value in numbers(metrics).items() if name not in self.live}
        shown = [path for path in results if path.parts[0] != "data"]
        self._send("metrics", lambda: log_metrics(self.client, self.run_id, values))
        self._send("artifacts", lambda: log_files(self.client, self.run_id, shown))
        self._send("digest", lambda: self.client.set_tag(self.run_id, "results", digest(results)))
        self._close("FINISHED")

    def fail(self, costs: dict[str, float], error: BaseException) -> None:
        """Log why the stage ended early and close the run."""
        self._send("traceback", lambda: self.client.log_text(self.run_id, traceback.format_exc(), "traceback.txt"))
        self._send("metrics", lambda: log_metrics(self.client, self.run_id, costs))
        self._close("FAILED" if isinstance(error, Exception) else "KILLED")

    def _close(self, status: str) -> None:
        self._send("status", lambda: self.client.set_terminated(self.run_id, status))
        if self.lost:
            print(
                f"{self.name}: the MLflow store went away; not logged: {', '.join(self.lost)}. "
                "The results are whole on disk, and publish logs them once the store is back.",
                file=sys.stderr,
            )

    def _send(self, what: str, call: Callable[[], object]) -> None:
        try:
            call()
        except store.STORE_ERRORS:
            self.lost.append(what)


@contextmanager
def stage_run(name: str, settings: params.Params) -> Iterator[StageRun]:
    """Track the body as one execution of a stage: what it reads and makes, what it costs, how it ends.

    Raises UserError before the body starts when the store is out of reach.
    """
    client = store.connect()
    _close_killed(client)
    stage = declared(name)
    experiment = client.get_experiment_by_name(store.STAGES).experiment_id
    run_id = client.create_run(experiment, run_name=name, tags=code_tags() | _process_tags(name)).info.run_id
    log_params(client, run_id, params.flat(settings, stage.sections))
    inputs = [DatasetInput(dataset) for dataset in _datasets(stage.inputs)]
    if inputs:
        client.log_inputs(run_id, inputs)
    run = StageRun(name, settings, client, run_id)
    started = time.perf_counter()
    try:
        yield run
    except BaseException as error:
        run.fail(_costs(started), error)
        raise
    run.finish(_costs(started), stage.results)


def declared(name: str) -> Declared:
    """Return what dvc.yaml says of a stage."""
    stage = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"][name]
    results = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return Declared(
        sections=sorted({section.split(".")[0] for section in stage.get("params", [])}),
        inputs=[dep for dep in stage.get("deps", []) if not dep.startswith("pipeline/")],
        results=[Path(next(iter(out)) if isinstance(out, dict) else out) for out in results],
    )


def digest(places: list[Path]) -> str:
    """Return the SHA-256 over the names and contents of files and of all files in folders."""
    total = hashlib.sha256()
    for place in sorted(places):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                total.update(path.as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def numbers(tree: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested metrics by their joined names, `precision: {3: 0.98}` as `precision.3`."""
    found: dict[str, float] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[prefix + key] = float(value)
    return found


def log_params(client: MlflowClient, run_id: str, settings: dict[str, Any]) -> None:
    """Log settings as params; a list as YAML writes it, a missing value as null."""
    as_text = {key: "null" if value is None else str(value) for key, value in settings.items()}
    client.log_batch(run_id, params=[Param(key, value) for key, value in as_text.items()])


def log_metrics(client: MlflowClient, run_id: str, metrics: dict[str, float], step: int = 0) -> None:
    """Log metrics at one step."""
    now = int(time.time() * 1000)
    client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


def log_files(client: MlflowClient, run_id: str, places: list[Path]) -> None:
    """Log files and folders as artifacts, under the same paths."""
    for place in places:
        if place.is_dir():
            client.log_artifacts(run_id, str(place), str(place))
        else:
            client.log_artifact(run_id, str(place), "" if place.parent == Path() else str(place.parent))


def code_tags() -> dict[str, str]:
    """Return tags that say which code runs: the commit, whether tracked files differ from it, DVC's experiment.

    params.yaml and dvc.lock may differ: a run holds the one, and the other follows from the rest.
    """
    changed = store.git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!params.yaml", ":!dvc.lock")
    tags = {
        "git.commit": store.git("rev-parse", "HEAD"),
        "git.dirty": "true" if changed else "false",
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _process_tags(name: str) -> dict[str, str]:
    return {
        "stage": name,
        "host": platform.node(),
        # the start tells the process from a later one that gets the same number
        "process": f"{os.getpid()}@{psutil.Process().create_time()}",
        "mlflow.source.name": f"pipeline/{name}.py",
        "mlflow.source.type": "LOCAL",
    }


def _close_killed(client: MlflowClient) -> None:
    """Close the runs whose process on this machine is gone without having closed them."""
    experiment = client.get_experiment_by_name(store.STAGES)
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        tags = run.data.tags
        if tags.get("host") == platform.node() and not _alive(tags.get("process", "")):
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(process: str) -> bool:
    number, _, created = process.partition("@")
    try:
        return str(psutil.Process(int(number)).create_time()) == created
    except (psutil.NoSuchProcess, ValueError):
        return False


def _datasets(inputs: list[str]) -> list[Dataset]:
    """Return the data a stage reads, with the digests that dvc.lock has of them."""
    lock = Path("dvc.lock")
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"] if lock.exists() else {}
    digests = {
        out["path"]: out["md5"].removesuffix(".dir") for stage in stages.values() for out in stage.get("outs", [])
    }
    return [
        Dataset(name=path, digest=digests[path], source_type="dvc", source=path)
        for path in inputs
        if path.startswith("data/") and path in digests
    ]


def _costs(started: float) -> dict[str, float]:
    """Return the seconds of work, without start-up, and the process's peak memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - started, "peak_memory_mb": peak / 1024}
