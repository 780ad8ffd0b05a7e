"""One complete run a content: refused, found, mended, taken back, whoever else publishes at the same time."""

import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.clones import Clone, client_of, commit, complete_rows, copy_of, rows
from support.processes import free_port, serve, stop

pytestmark = pytest.mark.slow
PUBLISH = ("python", "-m", "pipeline.publish")


@pytest.fixture
def copy(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone whose store has its complete run."""
    clone = copy_of(finished, tmp_path / "convscope")
    clone.run(*PUBLISH)
    return clone


def models(clone: Clone, uri: str = "") -> list[str]:
    """The ids of the models in a clone's store that are not deleted."""
    client = client_of(clone, uri)
    home = client.get_experiment_by_name("convscope").experiment_id
    return [model.model_id for model in client.search_logged_models([home])]


def test_after_push_clone_and_pull_a_repro_writes_the_complete_run(copy: Clone, tmp_path: Path) -> None:
    copy.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    copy.run("dvc", "push", "--run-cache")
    commit(copy, "a remote")
    other = Clone(tmp_path / "other")
    copy.run("git", "clone", "--quiet", str(copy.folder), str(other.folder))
    other.run("dvc", "pull", "--run-cache")
    assert not (other.folder / "data/published.json").exists()
    assert other.repro() == ["publish"]
    assert complete_rows(other) == complete_rows(copy)
    assert other.run("git", "status", "--porcelain").stdout == ""
    assert other.repro() == []


def refused(clone: Clone) -> str:
    """The one line with which publish refuses to write anything."""
    published = clone.folder / "data/published.json"
    before, rows_before = published.read_bytes(), complete_rows(clone)
    result = clone.run(*PUBLISH, check=False)
    assert result.returncode == 1
    assert complete_rows(clone) == rows_before
    assert published.read_bytes() == before
    (line,) = result.stderr.splitlines()
    assert "`dvc checkout`" in line
    return line


def test_files_of_another_experiment_are_not_published_as_this_one(copy: Clone) -> None:
    copy.run("dvc", "exp", "run", "-S", "error_analysis.seed=1")
    assert len(complete_rows(copy)) == 2
    copy.run("git", "checkout", "params.yaml", "dvc.lock")
    assert refused(copy).startswith("publish: data/evidence.npz is not what dvc.lock says; ")
    copy.run("dvc", "checkout")
    assert copy.run(*PUBLISH).stdout.endswith(" holds this content already\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "sed -i 's/  seed: 0/  seed: 5/' params.yaml",
            "kernel_demo.seed is 5 in params.yaml, 0 in dvc.lock: the results are those of another experiment",
        ),
        ("echo >> metrics/evaluate.json", "metrics/evaluate.json is not what dvc.lock says"),
        ("touch figures/visualise/mine", "figures/visualise is not what dvc.lock says"),
        ("rm dvc.lock", "dvc.lock knows no results of fetch"),
    ],
)
def test_what_differs_from_dvc_lock_is_named_and_not_published(copy: Clone, change: str, message: str) -> None:
    copy.run("sh", "-c", change)
    assert refused(copy).startswith(f"publish: {message}; ")


def test_a_run_deleted_in_mlflow_stays_deleted_until_publish_is_asked_for(copy: Clone) -> None:
    (row,) = rows(copy)
    client_of(copy).delete_run(row.info.run_id)
    assert copy.repro() == []
    assert rows(copy) == []
    copy.run(*PUBLISH)
    assert complete_rows(copy) == {row.data.tags["content"]}


def test_a_restored_experiment_with_deleted_and_unfinished_runs_has_one_row_after_the_next_publish(copy: Clone) -> None:
    client = client_of(copy)
    (row,) = rows(copy)
    client.delete_run(row.info.run_id)
    copy.run(*PUBLISH)
    unfinished = client.create_run(row.info.experiment_id, tags=row.data.tags)
    client.delete_run(unfinished.info.run_id)
    client.delete_experiment(row.info.experiment_id)
    client.restore_experiment(row.info.experiment_id)
    assert len(rows(copy)) == 3
    copy.run(*PUBLISH)
    assert complete_rows(copy) == {row.data.tags["content"]}
    client.delete_experiment(row.info.experiment_id)
    copy.run(*PUBLISH)  # which restores it
    assert complete_rows(copy) == {row.data.tags["content"]}


@pytest.mark.parametrize("lost", ["all", "one artifact", "the model's file", "the model"])
def test_lost_artifacts_are_noticed_and_written_again(copy: Clone, lost: str) -> None:
    (row,) = rows(copy)
    model = copy.folder / f"mlartifacts/convscope/models/{row.outputs.model_outputs[0].model_id}/artifacts"
    artifacts = copy.folder / f"mlartifacts/convscope/{row.info.run_id}/artifacts"
    match lost:
        case "all":
            shutil.rmtree(copy.folder / "mlartifacts")
        case "one artifact":
            (artifacts / "report/index.html").unlink()
        case "the model's file":
            (model / "data/model.keras").unlink()
        case "the model":
            client_of(copy).delete_logged_model(model.parent.name)
    said = copy.run(*PUBLISH).stdout
    assert said.endswith(" written\n" if lost == "the model" else " had lost files; they are written again\n")
    assert copy.run(*PUBLISH).stdout.endswith(" holds this content already\n")
    assert complete_rows(copy) == {row.data.tags["content"]}
    (row,) = rows(copy)
    (model_id,) = models(copy)
    stored = copy.folder / "mlartifacts/convscope"
    assert (stored / f"{row.info.run_id}/artifacts/report/index.html").exists()
    assert (stored / f"models/{model_id}/artifacts/data/model.keras").read_bytes() == (
        copy.folder / "models/model.keras"
    ).read_bytes()


KILLED = """
import os, signal
from mlflow import MlflowClient
from pipeline import publish
setattr(MlflowClient, "{call}", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
publish.main()
"""


@pytest.mark.parametrize("call", ["log_artifacts", "log_model_artifacts", "finalize_logged_model", "log_outputs"])
def test_a_publish_that_is_killed_leaves_neither_run_nor_model_behind(copy: Clone, call: str) -> None:
    (row,) = rows(copy)
    client_of(copy).delete_run(row.info.run_id)
    client_of(copy).delete_logged_model(row.outputs.model_outputs[0].model_id)
    assert copy.run("python", "-c", KILLED.format(call=call), check=False).returncode == -signal.SIGKILL
    assert [run.info.status for run in rows(copy)] == ["RUNNING"]
    copy.run(*PUBLISH)
    assert complete_rows(copy) == {row.data.tags["content"]}
    (row,) = rows(copy)
    assert models(copy) == [row.outputs.model_outputs[0].model_id]


def test_four_clones_that_publish_to_one_server_at_once_leave_one_run_and_one_model(
    finished: Clone, tmp_path: Path
) -> None:
    clones = [copy_of(finished, tmp_path / f"clone{number}") for number in range(4)]
    port = free_port()
    server = serve(tmp_path, port)
    uri = f"http://127.0.0.1:{port}"
    try:
        for _round in range(2):
            processes = [
                subprocess.Popen(
                    PUBLISH, cwd=clone.folder, env=clone.environment(MLFLOW_TRACKING_URI=uri), text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )
                for clone in clones
            ]  # fmt: skip
            said = [process.communicate() for process in processes]
            assert [error for _, error in said] == [""] * 4
            assert [process.returncode for process in processes] == [0] * 4
            assert complete_rows(finished, uri) == complete_rows(finished)
            (row,) = rows(finished, uri)
            assert models(finished, uri) == [row.outputs.model_outputs[0].model_id]
            client = client_of(finished, uri)
            (version,) = client.search_model_versions("name = 'convscope'")
            model = f"models:/{row.outputs.model_outputs[0].model_id}"
            assert (version.run_id, version.source) == (row.info.run_id, model)
            client.delete_logged_model(row.outputs.model_outputs[0].model_id)
            client.delete_run(row.info.run_id)
    finally:
        stop(server)


def read_only(database: Path, switched: bool) -> None:
    """Make a database one that nobody may write, root neither: by the write version in its header."""
    with database.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03" if switched else b"\x01")


def test_a_read_only_database_is_told_in_one_line_before_the_work_and_healed_later(copy: Clone, tmp_path: Path) -> None:
    database = copy.folder / "mlflow.db"
    read_only(database, True)
    for stage in ("report", "publish"):
        result = copy.run("python", "-m", f"pipeline.{stage}", check=False)
        assert (result.returncode, result.stdout) == (1, "")
        (line,) = result.stderr.splitlines()
        assert f"{database} is out of reach: attempt to write a readonly database; it must be writable" in line
    read_only(database, False)
    copy.run(*PUBLISH)
    assert len(complete_rows(copy)) == 1


def test_a_read_only_database_of_a_team_costs_a_stage_one_line_and_nothing_else(copy: Clone, tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    uri = f"sqlite:///{shared}"
    shutil.copyfile(copy.folder / "mlflow.db", shared)
    read_only(shared, True)
    report = copy.run("python", "-m", "pipeline.report", MLFLOW_TRACKING_URI=uri)
    (line,) = report.stderr.splitlines()
    assert line.startswith("report: this run is not in MLflow: ")
    assert "attempt to write a readonly database" in line
    publish = copy.run(*PUBLISH, check=False, MLFLOW_TRACKING_URI=uri)
    assert publish.returncode == 1
    (line,) = publish.stderr.splitlines()
    assert line.startswith(f"the MLflow store {uri} is out of reach: ")
    read_only(shared, False)
    copy.run(*PUBLISH, MLFLOW_TRACKING_URI=uri)
    assert len(complete_rows(copy, uri)) == 1
    assert list((copy.folder / ".convscope").glob("*/record.json")) == []


LOCKED = """
import sqlite3
from mlflow import MlflowClient
from pipeline import publish
held = sqlite3.connect("mlflow.db", check_same_thread=False)
log_artifacts = MlflowClient.log_artifacts
def then_locked(*arguments):
    log_artifacts(*arguments)
    held.execute("begin exclusive")
MlflowClient.log_artifacts = then_locked
publish.main()
"""


def test_a_database_locked_in_the_middle_of_publish_is_told_in_one_line_and_healed_later(copy: Clone) -> None:
    (row,) = rows(copy)
    client_of(copy).delete_run(row.info.run_id)
    result = copy.run("python", "-c", LOCKED, check=False)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert f"{copy.folder / 'mlflow.db'} is out of reach: (sqlite3.OperationalError) database is locked" in line
    with sqlite3.connect(copy.folder / "mlflow.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    copy.run(*PUBLISH)
    assert complete_rows(copy) == {row.data.tags["content"]}


def test_a_password_in_the_tracking_address_is_shown_and_kept_nowhere(copy: Clone, tmp_path: Path) -> None:
    port = free_port()
    uri = f"http://me:s3cret%21@127.0.0.1:{port}"
    said = []
    for stage in ("report", "publish"):  # nobody answers yet
        result = copy.run("python", "-m", f"pipeline.{stage}", check=False, MLFLOW_TRACKING_URI=uri)
        assert f"the MLflow store http://127.0.0.1:{port} is out of reach: " in result.stderr
        said.append(result)
    server = serve(tmp_path, port)
    try:
        said.append(copy.run("dvc", "repro", "--force", "--single-item", "report", MLFLOW_TRACKING_URI=uri))
        kept = [path.read_bytes() for path in (copy.folder / ".convscope").rglob("*") if path.is_file()]
        assert kept
        said.append(copy.run(*PUBLISH, MLFLOW_TRACKING_URI=uri.replace("s3cret", "an0ther")))
        assert list((copy.folder / ".convscope").glob("*/record.json")) == []  # found again, whatever the password
        said.append(copy.run("python", "-m", "pipeline.commands.ui", MLFLOW_TRACKING_URI=uri))
        assert said[-1].stdout.startswith(f"The runs: http://127.0.0.1:{port}/#/experiments/")
        failing = KILLED.format(call="log_outputs").replace("os.kill(os.getpid(), signal.SIGKILL)", "1 / 0")
        client = MlflowClient(f"http://127.0.0.1:{port}")
        (row,) = rows(copy, f"http://127.0.0.1:{port}")
        client.delete_run(row.info.run_id)
        said.append(copy.run("python", "-c", failing, check=False, MLFLOW_TRACKING_URI=uri))
        assert "ZeroDivisionError" in said[-1].stderr
    finally:
        stop(server)
    kept += [path.read_bytes() for path in tmp_path.glob("server*/**/*") if path.is_file()]
    kept.append((tmp_path / "server.db").read_bytes())
    for secret in ("s3cret", "an0ther"):
        assert secret not in "".join(result.stdout + result.stderr for result in said)
        assert not [content for content in kept if secret.encode() in content]
