"""MLflow: where the store is, a run for every execution of a stage, the complete run of an experiment."""

import contextlib
import os
import platform
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import psutil
import yaml
from dotenv import load_dotenv

from pipeline import files, params, paths
from pipeline.errors import UserError

# MLflow reads these when it is imported or called. Telemetry looks a host up in every process; the time-out and the
# retries bound what a store out of reach costs: 247 s by default.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

import logging  # noqa: E402

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag  # noqa: E402

STAGES = "convscope-stages"  # the MLflow experiment with a run for every execution of a stage
EXPERIMENTS = "convscope"  # the MLflow experiment with one complete run for every experiment
STORE_ERRORS = (mlflow.MlflowException, OSError)


def root() -> Path:
    """Return the repository that owns the store: stages of queued experiments run in temporary clones of it."""
    return Path(os.environ.get("DVC_ROOT") or _git("rev-parse", "--show-toplevel") or ".").absolute()


def store_uri() -> str:
    """Return MLFLOW_TRACKING_URI, from the environment or .env, or else this repository's own database."""
    load_dotenv(root() / ".env")
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def connect() -> MlflowClient:
    """Return a client of the store, which is made where it does not exist yet.

    Raises UserError within seconds when the store is out of reach.
    """
    uri = store_uri()
    try:
        if uri == f"sqlite:///{root() / 'mlflow.db'}":
            with _lock():
                _create_database(root() / "mlflow.db")
                client = _with_experiments(uri, root() / "mlartifacts")
        else:
            client = _with_experiments(uri, None)
    except STORE_ERRORS as error:
        raise UserError(
            f"the MLflow store {uri} is out of reach: {_first_line(error)}; "
            "start it, or unset MLFLOW_TRACKING_URI to use mlflow.db"
        ) from None
    mlflow.set_tracking_uri(uri)
    return client


@dataclass
class StageRun:
    """One execution of a stage. Its results are its files; this logs them, and never stops the stage."""

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

    def end(self, status: str, metrics: dict[str, float], artifacts: list[Path]) -> None:
        """Log what came out and close the run."""
        missing = {name: value for name, value in metrics.items() if name not in self.live}
        self._send("metrics", lambda: log_metrics(self.client, self.run_id, missing))
        self._send("artifacts", lambda: log_files(self.client, self.run_id, artifacts))
        self._send("status", lambda: self.client.set_terminated(self.run_id, status))
        if self.lost:
            print(
                f"{self.name}: the MLflow store went away; not logged: {', '.join(self.lost)}. "
                "The results are whole; publish logs them once the store is back.",
                file=sys.stderr,
            )

    def log_text(self, text: str, name: str) -> None:
        """Log a text as an artifact."""
        self._send(name, lambda: self.client.log_text(self.run_id, text, name))

    def _send(self, what: str, call: Callable[[], object]) -> None:
        try:
            call()
        except STORE_ERRORS:
            self.lost.append(what)


@contextmanager
def stage_run(name: str, settings: params.Params) -> Iterator[StageRun]:
    """Track the body as one execution of a stage: what it reads, what it makes, how long it takes, how it ends.

    Raises UserError before the body starts when the store is out of reach.
    """
    client = connect()
    _close_killed(client)
    declared = _declared(name)
    run = client.create_run(
        client.get_experiment_by_name(STAGES).experiment_id,
        run_name=name,
        tags=_tags(name),
    )
    settings_used = params.flat(settings, declared["params"])
    if settings_used:
        client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in settings_used.items()])
    if declared["datasets"]:
        client.log_inputs(run.info.run_id, [DatasetInput(dataset) for dataset in declared["datasets"]])
    started = time.perf_counter()
    tracked = StageRun(name, settings, client, run.info.run_id)
    try:
        yield tracked
    except BaseException as error:
        tracked.log_text(traceback.format_exc(), "traceback.txt")
        tracked.end("FAILED" if isinstance(error, Exception) else "KILLED", _costs(started), [])
        raise
    results = _costs(started)
    if paths.metrics(name).exists():
        results |= numbers(files.read_json(paths.metrics(name)))
    tracked.end("FINISHED", results, declared["artifacts"])


def numbers(tree: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested metrics, `precision: {3: 0.98}` as `precision.3`."""
    found: dict[str, float] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[prefix + key] = float(value)
    return found


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
            client.log_artifact(run_id, str(place), str(place.parent))


def _create_database(database: Path) -> None:
    """Make the database whole or not at all: MLflow's own way fails when two come first at once or one is killed."""
    if database.exists():
        return
    unfinished = database.with_suffix(".db.unfinished")
    unfinished.unlink(missing_ok=True)
    MlflowClient(f"sqlite:///{unfinished}").search_experiments()
    unfinished.replace(database)


def _with_experiments(uri: str, artifacts: Path | None) -> MlflowClient:
    client = MlflowClient(uri)
    for name in (EXPERIMENTS, STAGES):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            # another process may have been first, on a server that our lock does not cover
            with contextlib.suppress(mlflow.MlflowException):
                client.create_experiment(name, artifact_location=str(artifacts / name) if artifacts else None)
        elif experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
    return client


def _close_killed(client: MlflowClient) -> None:
    """Close the runs whose process on this machine is gone without having closed them."""
    experiment = client.get_experiment_by_name(STAGES)
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        owner = run.data.tags
        if owner.get("host") == platform.node() and not _alive(owner.get("process", "")):
            client.set_terminated(run.info.run_id, "KILLED")


def _process() -> str:
    """Name this process so that a later one with the same number is told from it."""
    return f"{os.getpid()}@{psutil.Process().create_time()}"


def _alive(process: str) -> bool:
    number, _, created = process.partition("@")
    try:
        return str(psutil.Process(int(number)).create_time()) == created
    except (psutil.NoSuchProcess, ValueError):
        return False


def _tags(name: str) -> dict[str, str]:
    """Tags that say which code ran and where."""
    tags = {
        "stage": os.environ.get("DVC_STAGE", name),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
        "git.commit": _git("rev-parse", "HEAD"),
        "git.dirty": str(dirty()).lower(),
        "host": platform.node(),
        "process": _process(),
        "mlflow.source.name": f"pipeline/{name}.py",
        "mlflow.source.type": "LOCAL",
    }
    return {key: value for key, value in tags.items() if value}


def dirty() -> bool:
    """Tell whether tracked files differ from the commit, but for params.yaml and dvc.lock, which a run holds itself."""
    return bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!params.yaml", ":!dvc.lock"))


def _declared(name: str) -> dict[str, Any]:
    """Return what dvc.yaml says a stage uses: sections of params.yaml, data sets, results worth logging."""
    stage = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][name]
    lock = Path("dvc.lock")
    produced = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    digests = {out["path"]: out["md5"] for entry in produced.values() for out in entry.get("outs", [])}
    results = [
        next(iter(out)) if isinstance(out, dict) else out for out in [*stage.get("outs", []), *stage.get("metrics", [])]
    ]
    return {
        "params": [section for section in stage.get("params", []) if isinstance(section, str)],
        "datasets": [
            Dataset(name=dep, digest=digests[dep].removesuffix(".dir"), source_type="dvc", source=dep)
            for dep in stage.get("deps", [])
            if dep.startswith("data/") and dep in digests
        ],
        "artifacts": [Path(out) for out in results if not out.startswith("data/")],
    }


def _costs(started: float) -> dict[str, float]:
    """Seconds of work, without start-up, and the process's peak memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - started, "peak_memory_mb": peak / 1024}


def _lock() -> filelock.FileLock:
    return filelock.FileLock(root() / "mlflow.db.lock")


def _git(*arguments: str) -> str:
    """Return what git says, or nothing outside a repository."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True).stdout.strip()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


if __name__ == "__main__":
    connect()
    print(store_uri())
