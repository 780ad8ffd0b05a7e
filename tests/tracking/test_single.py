"""One run a content: who stays, who is withdrawn, in whatever order publishers come."""

import itertools
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.tracking import single, store
from pipeline.tracking.outbox import now


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A store of its own, with one experiment."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    client = MlflowClient(f"sqlite:///{tmp_path / 'own.db'}")
    client.create_experiment("convscope", str(tmp_path / "artifacts"))
    return client


def begun(client: MlflowClient, content: str, publisher: str, start_time: int) -> Run:
    """A run that a publisher has begun."""
    home = client.get_experiment_by_name("convscope").experiment_id
    return client.create_run(home, start_time=start_time, tags={"content": content, "publisher": publisher})


@pytest.mark.slow
def test_however_publishers_take_turns_the_first_run_alone_stays(client: MlflowClient) -> None:
    turns = sorted(set(itertools.permutations(["a", "a", "b", "b", "c", "c"])))  # each finishes, then looks
    for content, order in enumerate(turns):
        runs = {who: begun(client, str(content), who, start) for start, who in enumerate("abc", 1)}
        finished: set[str] = set()
        for who in order:
            if who in finished:
                single.keep_first(client, runs[who].info.experiment_id, str(content))
            else:
                finished.add(who)
                client.set_terminated(runs[who].info.run_id, "FINISHED")
        left = client.search_runs([runs["a"].info.experiment_id], f"tags.content = '{content}'")
        assert [run.info.run_id for run in left] == [runs["a"].info.run_id], order
    assert len(turns) == 90


def test_an_unfinished_run_of_another_publisher_is_left_alone_for_an_hour(client: MlflowClient) -> None:
    hour = 60 * 60 * 1000
    foreign = begun(client, "x", "somebody", now())
    begun(client, "x", "somebody", now() - hour - 1)
    begun(client, "x", store.publisher(), now())
    by_hand = client.create_run(foreign.info.experiment_id)  # somebody's own, no run of ours
    single.withdraw_unfinished(client, foreign.info.experiment_id)
    left = client.search_runs([foreign.info.experiment_id])
    assert {run.info.run_id for run in left} == {foreign.info.run_id, by_hand.info.run_id}


def test_a_finished_run_stays_whatever_failed_before_it(client: MlflowClient) -> None:
    runs = {
        status: begun(client, "x", status, start) for start, status in enumerate(["FAILED", "KILLED", "FINISHED"], 1)
    }
    for status, run in runs.items():
        client.set_terminated(run.info.run_id, status)
    home = runs["FAILED"].info.experiment_id
    first = single.keep_first(client, home, "x")
    assert first
    assert first.info.run_id == runs["FINISHED"].info.run_id
    assert len(client.search_runs([home])) == 2
    single.withdraw_unfinished(client, home)
    assert [run.info.status for run in client.search_runs([home])] == ["FINISHED"]


def test_a_search_finds_every_run_however_many_pages_they_fill(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [begun(client, str(number), "somebody", number) for number in range(1, 8)]
    monkeypatch.setattr(single, "PAGE", 3)
    found = single.search(client, runs[0].info.experiment_id)
    assert [run.info.run_id for run in found] == [run.info.run_id for run in runs]
