"""A study brought into MLflow by the command that ran it: one line, whatever happens, and no result at stake."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support.clones import PROJECT
from support.processes import free_port, serve, stop
from support.trials import trial, write_results

PUBLISH = """
import sys
from pathlib import Path
from support.trials import trial
from pipeline.tracking import studies
assert "mlflow" not in sys.modules
study = sys.argv[1]
trials = [trial(variant, seed, study) for variant in ("baseline", study) for seed in range(10)]
studies.publish_study(study, trials, Path("results"), None)
"""
KILLED = """
import os, signal
from pipeline.tracking import client
from mlflow import MlflowClient
MlflowClient.log_artifact = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


def start(project: Path, study: str, *, script: str = PUBLISH, uri: str = "") -> subprocess.Popen[str]:
    """Publish a study of a project."""
    project.mkdir(exist_ok=True)
    if not (project / "results").exists():
        write_results(project / "results")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    environment |= {"DVC_ROOT": str(project), "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}"}
    return subprocess.Popen(
        [sys.executable, "-c", script, study], cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment | ({"MLFLOW_TRACKING_URI": uri} if uri else {}),
    )  # fmt: skip


def publish(project: Path, study: str, uri: str = "") -> tuple[str, str]:
    """Publish a study of a project; return what it says on stdout and stderr."""
    process = start(project, study, uri=uri)
    said = process.communicate()
    assert process.returncode == 0, said
    return said


def runs(uri: str, experiment: str) -> list[Run]:
    client = MlflowClient(uri)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def check(uri: str, *studies: str) -> None:
    """Make sure that the store has every trial of the studies and the one content once, and nothing unfinished."""
    trials = {trial(variant, seed).key for variant in ("baseline", *studies) for seed in range(10)}
    found = runs(uri, "convscope-trials")
    assert sorted(run.data.tags["content"] for run in found) == sorted(trials)
    baselines = [run.data.tags["study"] for run in found if run.data.tags["variant"] == "baseline"]
    assert baselines == [", ".join(sorted(studies))] * 10
    assert len(runs(uri, "convscope-studies")) == 1
    assert {run.info.status for run in [*found, *runs(uri, "convscope-studies")]} == {"FINISHED"}


@pytest.mark.slow
def test_a_study_is_told_once_in_one_line_and_a_killed_command_is_made_good_by_the_next(tmp_path: Path) -> None:
    killed = start(tmp_path, "dropout", script=KILLED + PUBLISH.replace('assert "mlflow" not in sys.modules', ""))
    assert (killed.communicate(), killed.returncode) == (("", ""), -signal.SIGKILL)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert [run.info.status for run in runs(uri, "convscope-studies")] == ["RUNNING"]
    said, error = publish(tmp_path, "dropout")
    (row,) = runs(uri, "convscope-studies")
    assert error == ""
    assert said == f"study dropout: in MLflow 0 new trials of 20; run {row.info.run_id} written\n"
    said, error = publish(tmp_path, "dropout")
    assert error == ""
    assert said == f"study dropout: in MLflow 0 new trials of 20; run {row.info.run_id} holds this content already\n"
    check(uri, "dropout")


@pytest.mark.slow
def test_projects_that_publish_to_one_server_at_once_leave_one_run_a_content_and_no_password(tmp_path: Path) -> None:
    port = free_port()
    server = serve(tmp_path, port)
    uri = f"http://me:s3cret@127.0.0.1:{port}"
    try:
        studies = ["depth", "dropout", "penalties"]
        started = [start(tmp_path / study, study, uri=uri) for study in studies]
        said = [process.communicate() for process in started]
        assert [process.returncode for process in started] == [0] * 3, said
        assert [error for _, error in said] == [""] * 3
        check(f"http://127.0.0.1:{port}", *studies)
    finally:
        stop(server)
    assert "s3cret" not in str(said)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


@pytest.mark.slow
def test_a_store_out_of_reach_costs_a_study_one_line_that_says_how_it_comes_in_later(tmp_path: Path) -> None:
    said, error = publish(tmp_path, "dropout", "http://me:s3cret@127.0.0.1:9")
    assert said == ""
    (line,) = error.splitlines()
    assert line.startswith("study dropout: not in MLflow: the MLflow store http://127.0.0.1:9 is out of reach: ")
    assert line.endswith("The results are whole; once that is mended `make study NAME=dropout` logs them.")
    assert "s3cret" not in line
    publish(tmp_path, "dropout")
    check(f"sqlite:///{tmp_path / 'mlflow.db'}", "dropout")
