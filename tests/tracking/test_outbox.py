from pathlib import Path

import pytest

from pipeline.tracking import outbox, store


@pytest.fixture(autouse=True)
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def pending(**changes: object) -> outbox.PendingRun:
    settings = {"stage": "report", "store": store.uri(), "params": {}, "inputs": {}, "tags": {}}
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


def test_an_execution_is_over_once_nobody_holds_its_lock():
    running = pending()
    with running.alive():
        assert outbox.ended() == []
    assert outbox.ended() == [running]


def test_a_record_for_the_projects_own_store_is_known_wherever_the_project_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "before").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "before"))
    waiting = pending(status="FINISHED", store=store.name())
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "after"))
    assert outbox.ended() == [waiting]


def test_a_record_for_another_store_waits_for_it():
    pending(status="FINISHED", store="http://127.0.0.1:1")
    assert outbox.ended() == []


def test_results_are_kept_as_they_were_when_the_stage_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.png").write_text("old")
    kept = pending()
    kept.keep_results([Path("figures")])
    (tmp_path / "figures/a.png").write_text("new")
    assert (kept.folder / "artifacts/figures/a.png").read_text() == "old"


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
