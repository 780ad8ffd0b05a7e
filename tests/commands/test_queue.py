"""Queued experiments: named, told apart by what became of them, and no process of theirs left."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.clones import Clone, complete_rows, copy_of

QUEUE = ("python", "-m", "pipeline.commands.queue")


@pytest.fixture
def copy(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone."""
    return copy_of(finished, tmp_path / "convscope")


def put_off(clone: Clone, name: str, *settings: str) -> None:
    """Queue an experiment."""
    clone.run("dvc", "exp", "run", "--queue", "--name", name, *(f"--set-param={setting}" for setting in settings))


def processes(clone: Clone) -> list[psutil.Process]:
    """What runs in a clone's folder, in its folders for queued experiments too."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(clone.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def started(clone: Clone, stage: str) -> subprocess.Popen[str]:
    """Start the command in a session of its own, and wait until its first experiment is at a stage."""
    process = subprocess.Popen(
        [sys.executable, *QUEUE[1:], "--jobs", "1"], cwd=clone.folder, env=clone.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    assert any(f"python -m pipeline.{stage}" in line for line in process.stdout)
    return process


@pytest.mark.slow
def test_the_queue_ends_with_its_runs_names_them_and_tells_of_the_failed_one(copy: Clone) -> None:
    put_off(copy, "good", "error_analysis.seed=1")
    put_off(copy, "bad", "kernel_demo.image=400", "error_analysis.seed=2")
    result = copy.run(*QUEUE, check=False)
    assert processes(copy) == []
    assert result.returncode == 1
    ours = [line for line in result.stdout.splitlines() if line.startswith("queue: ")]
    assert sorted(ours[:2]) == [
        "queue: bad: kernel_demo.image=400, error_analysis.seed=2", "queue: good: error_analysis.seed=1"
    ]  # fmt: skip
    assert ours[2:] == [
        "queue: bad failed; `dvc queue logs bad` says why",
        "queue: 1 of 2 finished; `make experiments` lists what came of them",
    ]
    assert "kernel_demo.image: found 400; allowed are 0 to 399" in copy.run("dvc", "queue", "logs", "bad").stdout
    assert "good" in copy.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert len(complete_rows(copy)) == 1
    again = copy.run(*QUEUE)  # what failed before is no failure of this call
    assert again.stdout == "queue: nothing waits; `dvc exp run --queue -S train.seed=1,2,3` puts three runs off\n"


@pytest.mark.slow
def test_ctrl_c_and_a_kill_end_what_runs_and_leave_the_rest_for_the_next_call(copy: Clone) -> None:
    put_off(copy, "first", "train.epochs=500")
    put_off(copy, "second", "train.epochs=501")
    put_off(copy, "third", "error_analysis.seed=3")
    process = started(copy, "train")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0]
    assert process.returncode == 130
    assert processes(copy) == []
    assert re.search(r"^queue: stopped; cut off: first; still waiting: second, third$", said, re.MULTILINE)
    assert "Traceback" not in said
    killed = started(copy, "train")
    for one in [*processes(copy), killed]:
        one.kill()
    killed.communicate()
    result = copy.run(*QUEUE)
    assert result.stdout.splitlines()[:2] == [
        "queue: was cut off, and counts as failed: second", "queue: third: error_analysis.seed=3"
    ]  # fmt: skip
    assert result.stdout.endswith("queue: 1 of 1 finished; `make experiments` lists what came of them\n")
    assert processes(copy) == []


def test_a_number_of_jobs_that_is_none_is_told(finished: Clone) -> None:
    result = finished.run(*QUEUE, "--jobs", "0", check=False)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (
        2, "python -m pipeline.commands.queue: error: --jobs: found 0; allowed are whole numbers from 1 up"
    )  # fmt: skip
