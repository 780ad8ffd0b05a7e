"""The MLflow store: where it is, made safely, reached within seconds or not at all."""

import contextlib
import logging
import os
import subprocess
from pathlib import Path

import filelock
from dotenv import load_dotenv

from pipeline.errors import UserError

# Set before MLflow loads: telemetry looks a host up in every process, and a store out of reach costs 247 s by default.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

import mlflow
from mlflow import MlflowClient

STAGES = "convscope-stages"  # the MLflow experiment with a run for every execution of a stage
EXPERIMENTS = "convscope"  # the MLflow experiment with one complete run for every experiment
STORE_ERRORS = (mlflow.MlflowException, OSError)

logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # each table it creates is no news


def root() -> Path:
    """Return the repository that owns the store: stages of queued experiments run in temporary clones of it."""
    return Path(os.environ.get("DVC_ROOT") or git("rev-parse", "--show-toplevel") or ".").absolute()


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, from the environment or .env, or else this repository's own database."""
    load_dotenv(root() / ".env")
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def connect() -> MlflowClient:
    """Return a client of the store, which is made with its two experiments where it does not exist yet.

    Raises UserError within seconds when the store is out of reach.
    """
    place = uri()
    database = root() / "mlflow.db"
    try:
        if place == f"sqlite:///{database}":
            with lock():
                _create(database)
                client = _with_experiments(place, root() / "mlartifacts")
        else:
            client = _with_experiments(place, None)
    except STORE_ERRORS as error:
        raise UserError(
            f"the MLflow store {place} is out of reach: {first_line(error)}; "
            "start it, or unset MLFLOW_TRACKING_URI to use mlflow.db"
        ) from None
    mlflow.set_tracking_uri(place)
    return client


def lock() -> filelock.FileLock:
    """Return the lock under which this repository's processes make the store and publish."""
    return filelock.FileLock(root() / "mlflow.db.lock")


def git(*arguments: str) -> str:
    """Return what git says, or nothing outside a repository."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True).stdout.strip()


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _create(database: Path) -> None:
    """Make the database whole or not at all.

    MLflow's own way is not safe: of two processes at once one dies, since SqlAlchemyStore calls _initialize_tables
    without a lock, and one that is killed in the middle leaves a database that no later one can open.
    """
    if database.exists():
        return
    unfinished = database.with_suffix(".db.unfinished")
    unfinished.unlink(missing_ok=True)
    MlflowClient(f"sqlite:///{unfinished}").search_experiments()
    unfinished.replace(database)


def _with_experiments(place: str, artifacts: Path | None) -> MlflowClient:
    client = MlflowClient(place)
    for name in (EXPERIMENTS, STAGES):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            # on a server, which our lock does not cover, another process may have been first
            with contextlib.suppress(mlflow.MlflowException):
                client.create_experiment(name, artifact_location=str(artifacts / name) if artifacts else None)
        elif experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
    return client
