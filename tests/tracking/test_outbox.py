import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.clones import PROJECT

from pipeline.tracking import lineage, outbox, store


@pytest.fixture(autouse=True)
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def pending(**changes: object) -> outbox.PendingRun:
    settings = {"stage": "report", "store": store.remembered(), "params": {}, "inputs": {}, "tags": {}}
    made = outbox.PendingRun(**(settings | changes))
    made.save()
    return made


def test_a_record_that_ended_comes_back_as_it_was_written_the_first_one_first():
    second = pending(
        status="FINISHED", start_time=2, metrics=[{"key": "loss", "value": 0.5, "timestamp": 1, "step": 1}]
    )
    first = pending(status="FAILED", start_time=1, traceback="boom")
    assert outbox.ended() == [first, second]
    first.drop()
    assert outbox.ended() == [second]
    assert not first.folder.exists()


def test_an_execution_is_over_once_nobody_holds_its_lock_and_who_did_not_say_how_was_killed():
    running = pending(start_time=1, metrics=[{"key": "loss", "value": 0.5, "timestamp": 7, "step": 1}])
    with running.alive():
        assert outbox.ended() == []
    assert [(run.name, run.status, run.end_time) for run in outbox.ended()] == [(running.name, "KILLED", 7)]


END = """
import sys
from pathlib import Path
from pipeline.tracking import outbox, store
for _ in range(150):
    run = outbox.PendingRun(stage="report", store=store.remembered(), params={}, inputs={}, tags={})
    alive = run.alive()
    alive.acquire()
    run.begin()
    run.end("FINISHED", [])
    alive.release()
"""


def test_a_stage_that_ends_while_others_look_is_never_taken_for_killed(tmp_path: Path) -> None:
    ending = subprocess.Popen([sys.executable, "-c", END], cwd=PROJECT, env=os.environ | {"DVC_ROOT": str(tmp_path)})
    seen = []
    while ending.poll() is None or outbox.ended():
        for run in outbox.ended():
            seen.append(run.status)
            run.drop()
    assert ending.returncode == 0
    assert set(seen) == {"FINISHED"}


def test_a_record_for_the_projects_own_store_is_known_wherever_the_project_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "before").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "before"))
    waiting = pending(status="FINISHED", store=store.remembered())
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "after"))
    assert outbox.ended() == [waiting]


def test_a_record_for_another_store_waits_for_it():
    pending(status="FINISHED", store="http://127.0.0.1:1")
    assert outbox.ended() == []


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A result of the stage, in the workspace."""
    monkeypatch.chdir(tmp_path)
    folder = Path("figures")
    folder.mkdir()
    (folder / "a.png").write_text("old")
    return folder


def test_results_are_kept_as_they_were_when_the_stage_ended(figures: Path) -> None:
    kept = pending(tags={"results": lineage.digest([figures])})
    kept.end("FINISHED", [figures])
    (figures / "a.png").write_text("new")
    assert (kept.folder / "artifacts/figures/a.png").read_text() == "old"


class Disk:
    """A full disk: a file may be written only where one of at least its size was removed before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 0
        unlink = Path.unlink

        def remove(path: Path, missing_ok: bool = False) -> None:
            self.free += path.stat().st_size if path.exists() else 0
            unlink(path, missing_ok)

        def write(path: Path, text: str) -> None:
            self.take(path, len(text))
            path.write_text(text)

        def copytree(source: Path, target: Path) -> None:
            self.take(target, 10**9)

        monkeypatch.setattr(Path, "unlink", remove)
        monkeypatch.setattr(outbox.files, "write_text", write)
        monkeypatch.setattr(outbox.shutil, "copytree", copytree)

    def take(self, path: Path, size: int) -> None:
        """Take room for a file."""
        if size > self.free:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        self.free -= size


@pytest.mark.parametrize("later", ["as it was", "changed"])
def test_a_disk_that_is_full_when_a_stage_ends_makes_it_neither_killed_nor_lost(figures: Path, later: str) -> None:
    run = pending(tags={"results": lineage.digest([figures])})
    run.begin()
    with pytest.MonkeyPatch.context() as monkeypatch:
        Disk(monkeypatch)
        with pytest.raises(OSError, match="No space left on device"):
            run.end("FINISHED", [figures])
    if later == "changed":
        (figures / "a.png").write_text("new")
    (ended,) = outbox.ended()
    assert ended.status == "FINISHED"
    ended.keep_results()
    kept = [path.read_text() for path in (ended.folder / "artifacts").rglob("*.png")]
    assert kept == (["old"] if later == "as it was" else [])


@pytest.mark.parametrize("content", ["", '{"stage": "report"}', '{"of": "another version"}'])
def test_a_record_that_cannot_be_read_is_set_aside_and_stops_nothing(content: str, capsys: pytest.CaptureFixture[str]):
    damaged, whole = pending(status="FINISHED"), pending(status="FINISHED")
    (damaged.folder / "record.json").write_text(content)
    assert outbox.ended() == [whole]
    assert "renamed to unreadable.json" in capsys.readouterr().err
    assert (damaged.folder / "unreadable.json").read_text() == content


def test_a_loss_that_is_no_number_can_be_written_down():
    diverged = pending()
    diverged.add_points({"val_loss": float("nan")}, step=1)
    diverged.save()
