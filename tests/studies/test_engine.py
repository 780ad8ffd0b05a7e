"""Trials on real worker processes, some of which are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client
from support.clones import SETTINGS
from support.processes import answers, free_port, wait_for
from support.synthetic import synthetic_digits

from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.studies import engine
from pipeline.studies.outcome import Data, Outcome
from pipeline.studies.spec import changed

pytestmark = pytest.mark.slow

DATA = Data(synthetic_digits(500, 0), synthetic_digits(200, 1), tuple("0123456789"))
SMALL = {"prepare.train_size": 300, "prepare.validation_size": 100, "train.epochs": 2, "model.filters": [4]}


def trials(count: int, **changes: object) -> dict[str, Params]:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return {str(seed): changed(SETTINGS, SMALL | named | {"train.seed": seed}) for seed in range(count)}


def weights(outcomes: Iterator[tuple[str, Outcome]]) -> dict[str, str]:
    found = dict(outcomes)
    assert [outcome.failed for outcome in found.values()] == [""] * len(found)
    return {name: outcome.weights for name, outcome in found.items()}


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    """The weights of six trials on an undisturbed cluster of this command's own."""
    with engine.cluster(None, 2) as client:
        return weights(engine.run(client, trials(6), DATA))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a Dask process in an empty folder, with nothing but PATH in its environment."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        folder = tmp_path / str(len(processes))
        folder.mkdir()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(
            ["dask", *arguments], cwd=folder, env={"PATH": path, "HOME": str(folder)}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        processes.append(process)
        return process

    yield begin
    for process in reversed(processes):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def address(start: Callable[..., subprocess.Popen[bytes]]) -> str:
    port = free_port()
    start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    wait_for(lambda: answers(port))
    return f"tcp://127.0.0.1:{port}"


def add_worker(start: Callable[..., subprocess.Popen[bytes]], address: str) -> None:
    start("worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard")


def busy(client: Client) -> list[int]:
    """The processes of the workers that run a trial now."""
    ids = client.run(os.getpid)
    return [ids[worker] for worker, tasks in client.processing().items() if tasks and worker in ids]


def test_a_scheduler_and_workers_in_empty_folders_give_the_same_bytes(
    start: Callable[..., subprocess.Popen[bytes]], address: str, expected: dict[str, str]
) -> None:
    for _ in range(2):
        add_worker(start, address)
    with engine.cluster(address, 1) as client:
        assert weights(engine.run(client, trials(6), DATA)) == expected


def test_workers_that_join_in_the_middle_get_work(start: Callable[..., subprocess.Popen[bytes]], address: str) -> None:
    with engine.cluster(address, 1) as client:
        add_worker(start, address)
        outcomes = engine.run(client, trials(8, train__epochs=20), DATA)
        next(outcomes)
        add_worker(start, address)
        client.wait_for_workers(2)
        list(outcomes)
        assert all(client.run(lambda: "pipeline.studies.trial" in sys.modules).values())
        assert set(client.run(os.getenv, "NPY_DISABLE_CPU_FEATURES").values()) == {
            os.environ["NPY_DISABLE_CPU_FEATURES"]
        }


def test_a_killed_workers_trial_runs_again_and_changes_no_byte(expected: dict[str, str]) -> None:
    with engine.cluster(None, 2) as client:
        outcomes = engine.run(client, trials(6), DATA)
        found = dict([next(outcomes)])
        wait_for(lambda: busy(client))
        os.kill(busy(client)[0], signal.SIGKILL)
        found |= dict(outcomes)
    assert weights(iter(found.items())) == expected


def test_a_trial_that_took_three_workers_down_is_a_failure_and_the_others_go_on() -> None:
    (long,) = trials(1, train__epochs=5000).items()
    with engine.cluster(None, 2) as client:
        found: dict[str, Outcome] = {}
        thread = threading.Thread(target=lambda: found.update(engine.run(client, dict([long]), DATA)))
        thread.start()
        killed: set[int] = set()
        while thread.is_alive() and len(killed) < 5:
            killers = [process for process in busy(client) if process not in killed]
            if killers:
                time.sleep(1)
                os.kill(killers[0], signal.SIGKILL)
                killed.add(killers[0])
            time.sleep(0.2)
        thread.join(timeout=30)
    assert len(killed) == engine.DEATHS
    assert found["0"].failed == "3 workers died while they ran it"
    assert found["0"].again


def test_a_lost_scheduler_is_one_line_and_an_absent_one_too(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with pytest.raises(UserError, match=f"no Dask scheduler answers at {address}"), engine.cluster(address, 1):
        pass
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    wait_for(lambda: answers(port))
    add_worker(start, address)
    with engine.cluster(address, 1) as client:
        outcomes = engine.run(client, trials(6), DATA)
        next(outcomes)
        scheduler.kill()
        with pytest.raises(UserError, match="the Dask scheduler is gone"):
            list(outcomes)


def test_workers_of_an_older_code_start_anew_for_this_one(
    start: Callable[..., subprocess.Popen[bytes]], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_worker(start, address)
    with engine.cluster(address, 1) as client:
        weights(engine.run(client, trials(1), DATA))
        before = client.run(os.getpid)
    with engine.cluster(address, 1) as client:
        assert client.run(os.getpid) == before
    monkeypatch.setattr(engine.code, "digest", lambda content: "other")
    with engine.cluster(address, 1) as client:
        assert client.run(os.getpid) != before
        weights(engine.run(client, trials(1), DATA))


def test_an_own_cluster_ends_within_five_seconds_and_leaves_no_process() -> None:
    with engine.cluster(None, 2) as client:
        weights(engine.run(client, trials(2), DATA))
        processes = client.run(os.getpid).values()
        started = time.monotonic()
    assert time.monotonic() - started < 5
    for process in processes:
        wait_for(lambda process=process: not Path(f"/proc/{process}").exists(), seconds=5)
