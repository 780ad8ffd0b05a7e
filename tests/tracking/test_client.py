"""The store that MLflow writes to: made whole, shared by processes, reached in seconds or not at all."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.clones import PROJECT
from support.processes import wait_for

from pipeline.config.errors import UserError
from pipeline.tracking import client as tracking_client

WRITE = """
from mlflow.entities import Metric
from pipeline.tracking import client as tracking_client
client = tracking_client.connect()
experiment = client.get_experiment_by_name(tracking_client.STAGES).experiment_id
run = client.create_run(experiment).info.run_id
for step in range(200):
    client.log_batch(run, metrics=[Metric("value", step, 0, step)])
"""


def start(folder: Path, script: str, **environment: str) -> subprocess.Popen[str]:
    """Run a script on the store of a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, text=True, stderr=subprocess.PIPE,
        env=os.environ | {"DVC_ROOT": str(folder)} | environment,
    )  # fmt: skip


@pytest.mark.slow
def test_four_processes_that_make_the_store_at_once_lose_no_metric(tmp_path: Path) -> None:
    processes = [start(tmp_path, WRITE) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 4
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("convscope-stages").experiment_id])
    histories = [client.get_metric_history(run.info.run_id, "value") for run in runs]
    assert [[point.step for point in history] for history in histories] == [list(range(200))] * 4


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 100_000])
def test_a_store_whose_maker_was_killed_while_it_made_it_is_made_by_the_next(tmp_path: Path, size: int) -> None:
    unfinished = tmp_path / "mlflow.db.unfinished"
    first = start(tmp_path, "from pipeline.tracking import client; client.connect()")
    wait_for(lambda: unfinished.exists() and unfinished.stat().st_size >= size, pause=0.001)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert unfinished.exists()
    assert not (tmp_path / "mlflow.db").exists()
    second = start(tmp_path, WRITE)
    assert (second.communicate()[1], second.returncode) == ("", 0)
    assert not unfinished.exists()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("reachable", ["refused", "silent"])
def test_a_store_out_of_reach_is_told_in_one_line_within_ten_seconds(
    tmp_path: Path, silent_server: str, reachable: str
) -> None:
    uri = silent_server if reachable == "silent" else "http://127.0.0.1:9"
    script = """
import time
from pipeline.config import errors
from pipeline.tracking import client
started = time.monotonic()
try:
    client.connect()
except errors.UserError as error:
    print(error)
    print(time.monotonic() - started)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True,
        env=os.environ | {"DVC_ROOT": str(tmp_path), "MLFLOW_TRACKING_URI": uri},
    )  # fmt: skip
    message, seconds = result.stdout.splitlines()
    assert message.startswith(f"the MLflow store {uri} is out of reach: ")
    assert float(seconds) < 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("scheme", "module", "package"),
    [
        ("postgresql", "psycopg", r"psycopg\[binary\]"),
        ("postgresql+psycopg2", "psycopg2", "psycopg2-binary"),
        ("mysql", "MySQLdb", "mysqlclient"),
        ("mysql+pymysql", "pymysql", "pymysql"),
    ],
)
def test_a_database_without_its_driver_is_told_with_the_package_that_has_it(
    monkeypatch: pytest.MonkeyPatch, scheme: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed, wherever it is
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://me:s3cret@127.0.0.1/runs")
    with pytest.raises(UserError, match=f'add "{package}" to `dependencies`') as told:
        tracking_client.connect()
    said = f"MLFLOW_TRACKING_URI is {scheme}://127.0.0.1/runs, and the driver {module} is not installed: "
    assert str(told.value).startswith(said)
    assert "\n" not in str(told.value)
    assert "s3cret" not in str(told.value)


def test_a_database_that_cannot_be_opened_is_told_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs.db").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"unable to open database file; see that MLFLOW_TRACKING_URI names it"):
        tracking_client.connect()
    assert time.monotonic() - started < 5  # MLflow's own retries take 102 s
