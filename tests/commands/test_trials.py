"""Studies that are killed or interrupted, in clones: nothing is lost, nothing stays behind, the end is the same."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support import studied
from support.clones import Clone, copy_of
from support.processes import answers, free_port, stop, wait_for

pytestmark = pytest.mark.slow
COMMAND = ["python", "-m", "pipeline.commands.study", "tiny"]


@pytest.fixture
def forgetful(answered: Clone, tmp_path: Path) -> Clone:
    """A clone with the study's data, and none of its trials or results."""
    copy = copy_of(answered, tmp_path / "convscope")
    copy.run("rm", "-r", ".convscope/trials", "studies/results", "studies/dvc.lock")
    return copy


def begin(clone: Clone, **environment: str) -> subprocess.Popen[str]:
    """Start the study as a terminal does, in a process group of its own."""
    return subprocess.Popen(
        COMMAND, cwd=clone.folder, env=clone.environment(**environment), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def started_by(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found = []
    for child in started_by(process):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one too
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def left(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Which of some processes still run; what has ended, and nobody asked for its exit status yet, does not."""
    return [one for one in psutil.wait_procs(processes, timeout=2)[1] if not is_zombie(one)]


def is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def kill_group(clone: Clone, process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_trials(clone: Clone, process: subprocess.Popen[str]) -> None:
    """Kill the command that DVC runs, and nothing else."""
    for child in started_by(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "pipeline.commands.trials" in child.cmdline():
                child.kill()


def kill_worker(clone: Clone, process: subprocess.Popen[str]) -> None:
    found = workers(process)
    if found:
        random.choice(found).kill()


@pytest.mark.parametrize("kill", [kill_group, kill_trials, kill_worker])
def test_a_study_killed_at_a_random_moment_ends_in_the_same_results(
    answered: Clone, forgetful: Clone, kill: Callable[[Clone, subprocess.Popen[str]], None]
) -> None:
    process = begin(forgetful)
    time.sleep(random.Random(kill.__name__).uniform(4, 14))
    children = started_by(process) if process.poll() is None else []
    if process.poll() is None:
        kill(forgetful, process)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0 or kill is not kill_worker, output
    psutil.wait_procs(children, timeout=20)
    assert not left(children)
    forgetful.run(*COMMAND)
    assert studied.results(forgetful) == studied.results(answered)
    assert len(studied.told(forgetful, "convscope-trials")) == 12
    assert len(studied.told(forgetful, "convscope-studies")) == 1


@pytest.mark.parametrize("trials", [0, 3])
def test_ctrl_c_ends_in_seconds_without_a_traceback_and_the_same_command_goes_on(
    answered: Clone, forgetful: Clone, trials: int
) -> None:
    process = begin(forgetful)
    wait_for(lambda: workers(process) if trials == 0 else len(studied.kept(forgetful)) >= trials)
    children, before = started_by(process), studied.kept(forgetful)
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - started < 10  # five by itself; other tests run beside this one
    assert process.returncode == 1
    assert "Traceback" not in output
    assert "the same command goes on" in output
    assert not left(children)
    assert before.items() <= studied.kept(forgetful).items()
    forgetful.run(*COMMAND)
    assert before.items() <= studied.kept(forgetful).items()
    assert studied.results(forgetful) == studied.results(answered)


def test_a_scheduler_killed_in_the_middle_is_one_line_and_the_same_command_goes_on(
    answered: Clone, forgetful: Clone, tmp_path: Path
) -> None:
    def dask(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["dask", *arguments, "--no-dashboard"], cwd=tmp_path, env=forgetful.environment(),
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", str(port))
    worker = dask("worker", address, "--nworkers", "1", "--nthreads", "1")
    try:
        wait_for(lambda: answers(port))
        process = begin(forgetful, DASK_SCHEDULER_ADDRESS=address)
        wait_for(lambda: len(studied.kept(forgetful)) >= 2)
        stop(scheduler)
        output, _ = process.communicate(timeout=60)
    finally:
        stop(worker)
    before = studied.kept(forgetful)
    assert process.returncode == 1
    assert "study: the Dask scheduler is gone; what is done is kept, and the same command goes on" in output
    assert "Traceback" not in output, output
    forgetful.run(*COMMAND)
    assert before.items() <= studied.kept(forgetful).items()
    assert studied.results(forgetful) == studied.results(answered)
