"""The client of the MLflow store, which is made safely and reached within seconds."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pipeline.tracking import local, server, store
from pipeline.tracking.gc_paused import gc_paused

# Set before MLflow loads: telemetry looks a host up in every process, and a store out of reach costs 247 s by default.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(store.TIMEOUT))
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # each run's address, several lines

import mlflow
import mlflow.store.db.utils
from mlflow import MlflowClient
from mlflow.entities import Param, Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

STAGES = "convscope-stages"  # the MLflow experiment with a run for every execution of a stage
EXPERIMENTS = store.EXPERIMENTS
TRIALS = "convscope-trials"  # the one with a run for every trial, whichever studies it is of
STUDIES = "convscope-studies"  # the one with a run for every result of a study
STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)
# what a store that answers says of a run that it will never take, one that somebody deleted, say
REFUSALS = ("INVALID_PARAMETER_VALUE", "INVALID_STATE")
ATTEMPTS = 5  # each one that fails has lost to another process
# the package on PyPI that has a database's driver, where it is called otherwise than the module
DRIVERS = {"MySQLdb": "mysqlclient", "mysql": "mysql-connector-python", "psycopg": "psycopg[binary]",
           "psycopg2": "psycopg2-binary"}  # fmt: skip

# a database out of reach costs 102 s of silent retries by default
mlflow.store.db.utils.MAX_RETRY_COUNT = 2
# each table that it creates is no news, and what it cannot do it raises, too
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def connect() -> MlflowClient:
    """Return a client of the store, which is made with its two experiments where it does not exist yet.

    Raises StoreError within seconds when the store is out of reach, or the driver of its database is not installed.
    """
    store.check_address()
    place = store.uri()
    try:
        if store.is_local():
            local.check()
        if store.is_server():
            server.check()
        # making tables is not safe; MLflow loads SQLAlchemy here
        with store.lock() if store.is_database() else nullcontext(), gc_paused():
            if store.is_local():
                _create(store.database())
                local.follow_the_project()
            client = _with_experiments(place)
    except ImportError as error:
        module = (error.name or "psycopg").partition(".")[0]  # which gives no name when only a part of it is there
        package = DRIVERS.get(module, module)
        raise store.not_installed(f"MLFLOW_TRACKING_URI is {store.name()}, and the driver {module}", package) from None
    except STORE_ERRORS as error:
        if store.is_server():
            raise server.out_of_reach(error) from None
        raise store.out_of_reach(error, "" if store.is_local() else store.NAME_IT) from None
    mlflow.set_tracking_uri(place)
    return client


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what the store refuses inside into StoreError; an error that names a file of this machine stays as it is."""
    try:
        yield
    except STORE_ERRORS as error:
        if isinstance(error, OSError) and error.filename:
            raise
        raise store.out_of_reach(error, "") from None


def as_params(settings: dict[str, Any]) -> list[Param]:
    """Return settings as params; a list as YAML writes it, a missing value as null."""
    return [Param(key, "null" if value is None else str(value)) for key, value in settings.items()]


def home(client: MlflowClient, name: str) -> str:
    """Return the id of an MLflow experiment, which is made where it does not exist yet, and restored where deleted."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        place = str(store.artifacts() / name) if store.is_database() else None  # MLflow's default: wherever we work
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException:
            # on a server, which our lock does not cover, another process may have been first
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def retried(call: Callable[[], object]) -> None:
    """Call, and again where another process wrote the same row of the database at the same moment.

    MLflow looks for a row before it makes it (SqlAlchemyStore._log_inputs_impl, set_experiment_tag), so that of two who
    both found none the slower is refused. The next try finds it.
    """
    for attempt in range(ATTEMPTS):
        try:
            call()
            return
        except MlflowException as error:
            if "IntegrityError" not in str(error) or attempt == ATTEMPTS - 1:
                raise


def complete_run(client: MlflowClient, run_id: str) -> Run | None:
    """Return the complete run with an id; None where there is none."""
    home = client.get_experiment_by_name(EXPERIMENTS).experiment_id
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None
    return run if run.info.experiment_id == home and run.info.status == "FINISHED" else None


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


def _with_experiments(place: str) -> MlflowClient:
    client = MlflowClient(place)
    for name in (EXPERIMENTS, STAGES):
        home(client, name)
    return client
