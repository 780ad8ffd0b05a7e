"""What a kill or a move left behind, put right by `make`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from support.clones import PROJECT, Clone, copy_of

from pipeline.commands.mend import whole_stages

MEND = [sys.executable, "-m", "pipeline.commands.mend"]


def mend(folder: Path) -> str:
    """What the command says of a project in a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}  # MLflow sets it
    environment = kept | {"DVC_ROOT": str(folder)}
    return subprocess.run(MEND, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def rwlock(tmp_path: Path) -> Path:
    """Where DVC notes who reads and writes, in a project of this test."""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path / ".dvc/tmp/rwlock"


@pytest.mark.parametrize("content", ["", '{"write": {"/a', "\0" * 20])
def test_a_damaged_rwlock_is_removed(tmp_path: Path, rwlock: Path, content: str) -> None:
    rwlock.write_text(content)
    assert mend(tmp_path) == "mend: .dvc/tmp/rwlock removed; a DVC that was killed had left it damaged\n"
    assert not rwlock.exists()


def test_a_whole_rwlock_or_none_is_left_alone(tmp_path: Path, rwlock: Path) -> None:
    assert mend(tmp_path) == ""
    rwlock.write_text('{"write": {}}')
    assert mend(tmp_path) == ""
    assert rwlock.read_text() == '{"write": {}}'


def test_a_damaged_rwlock_is_left_alone_while_dvc_runs_in_the_project(tmp_path: Path, rwlock: Path) -> None:
    rwlock.write_text("")
    (tmp_path / "dvc").write_text("print('running', flush=True); input()")
    command = [sys.executable, str(tmp_path / "dvc"), "repro"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = mend(tmp_path)
        process.communicate(b"\n")
    assert said.startswith("mend: .dvc/tmp/rwlock is damaged, and DVC runs here")
    assert rwlock.exists()


LOCK = (PROJECT / "dvc.lock").read_text()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(LOCK) - 1))
def test_of_a_dvc_lock_that_is_cut_anywhere_what_is_whole_stays(end: int) -> None:
    kept = whole_stages(LOCK[:end])
    assert LOCK.startswith(kept)
    if kept:
        COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(kept))
    started = LOCK[:end].count("\n    cmd: ")
    assert kept.count("\n    cmd: ") >= started - 1, "at most the stage that was being written is lost"
    assert whole_stages(LOCK) == LOCK


@pytest.mark.parametrize(
    ("left", "said"), [("", "removed"), (LOCK[: LOCK.rindex("- path") + 6], "cut off"), ("schema: '2.0'", "removed")]
)
def test_a_half_written_dvc_lock_is_one_that_dvc_reads_again(tmp_path: Path, left: str, said: str) -> None:
    (tmp_path / "dvc.lock").write_text(left)
    assert said in mend(tmp_path)
    assert mend(tmp_path) == ""
    if (tmp_path / "dvc.lock").exists():
        COMPILED_LOCKFILE_SCHEMA(yaml.safe_load((tmp_path / "dvc.lock").read_text()))


def test_a_damaged_database_is_told_with_what_to_do_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("a shopping list, long enough to be no empty database" * 20)
    (line,) = mend(tmp_path).splitlines()
    assert line.startswith("mend: the MLflow store ")
    assert line.endswith("file is not a database; move it away, and a new one is made")


def with_environment(clone: Clone, place: Path) -> Clone:
    """Give a clone what `make` takes for an environment that was made at a place; the tests' own is on the path."""
    (clone.folder / ".venv").mkdir(exist_ok=True)
    (clone.folder / ".venv/complete").write_text(f"{place}\n")
    os.utime(clone.folder / "requirements.lock", (0, 0))
    return clone


@pytest.mark.slow
def test_make_mends_the_rwlock_that_stops_dvc(finished: Clone, tmp_path: Path) -> None:
    copy = copy_of(finished, tmp_path / "convscope")
    clone = with_environment(copy, copy.folder)
    (clone.folder / ".dvc/tmp/rwlock").write_text("")
    clone.set(error_analysis__seed=1)
    stopped = clone.run("dvc", "repro", check=False)
    assert "JSON structure is corrupted" in stopped.stderr
    assert "Running stage 'error_analysis'" in clone.run("make").stdout
    assert clone.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


@pytest.mark.slow
def test_after_a_move_the_store_is_right_as_soon_as_make_ran_though_no_stage_did(
    finished: Clone, tmp_path: Path
) -> None:
    clone = Clone(Path(shutil.copytree(finished.folder, tmp_path / "moved", symlinks=True)))
    with_environment(clone, clone.folder).run("make")
    experiment = MlflowClient(f"sqlite:///{clone.folder / 'mlflow.db'}").get_experiment_by_name("convscope")
    assert experiment.artifact_location == str(clone.folder / "mlartifacts/convscope")


def test_make_takes_an_environment_that_was_made_here_and_no_other(tmp_path: Path) -> None:
    def asked_for(folder: Path) -> str:
        return subprocess.run(["make", "--dry-run"], cwd=folder, check=True, capture_output=True, text=True).stdout

    before, after = Clone(tmp_path / "be fore"), Clone(tmp_path / "after")
    before.folder.mkdir()
    for name in ("Makefile", "requirements.lock"):
        shutil.copyfile(PROJECT / name, before.folder / name)
    assert "bash environment.sh" in asked_for(before.folder)
    with_environment(before, before.folder)
    assert "bash environment.sh" not in asked_for(before.folder)
    os.utime(before.folder / "requirements.lock")  # newer versions
    os.utime(before.folder / ".venv/complete", (1, 1))
    assert "bash environment.sh" in asked_for(before.folder)
    with_environment(before, before.folder)
    before.folder.rename(after.folder)
    assert "bash environment.sh" in asked_for(after.folder)
