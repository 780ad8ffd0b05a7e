"""The outbox: what is to be said of one execution of a stage lies on disk until MLflow has it.

So nothing is lost when the store goes away or the process is killed, and a stage that works for half a second need not
load MLflow for two: the next process that has it loaded says it.
"""

import json
import os
import shutil
import sys
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import filelock

from pipeline.config.repository import root
from pipeline.data import files
from pipeline.tracking import lineage, store

RESERVE = 256 * 1024  # bytes that an execution keeps of the disk, so that its end can be noted when the disk is full


@dataclass
class PendingRun:
    """One execution of a stage, in MLflow's terms."""

    stage: str
    store: str  # where it belongs, without secrets
    params: dict[str, Any]
    inputs: dict[str, str]  # hash by path
    tags: dict[str, str]
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    start_time: int = field(default_factory=lambda: now())
    end_time: int | None = None
    status: str = "RUNNING"
    metrics: list[dict[str, Any]] = field(default_factory=list)  # points: key, value, timestamp, step
    sent: int = 0  # points that MLflow has
    begun: bool = False  # a run in MLflow may be there
    run_id: str | None = None  # of the run in MLflow, once it has settings and inputs
    results: list[str] = field(default_factory=list)  # files and folders that the stage made
    traceback: str = ""

    @property
    def folder(self) -> Path:
        """The run's own folder; a result of the stage lies there under artifacts/ until it is logged."""
        return place() / f"{self.stage}-{self.name}"

    def alive(self) -> filelock.FileLock:
        """Return the lock that the execution holds; the system takes it from a process that is killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.folder / "alive")

    def add_points(self, metrics: dict[str, float], step: int = 0) -> None:
        """Add a point of each metric, taken now."""
        time_now = now()
        self.metrics += [
            {"key": key, "value": value, "timestamp": time_now, "step": step} for key, value in metrics.items()
        ]

    def begin(self) -> None:
        """Write the run down, and keep room on the disk for what is to be written at its end.

        Raises OSError when the disk is full; then nothing is left of it.
        """
        try:
            files.write_bytes(self.folder / "reserve", os.urandom(RESERVE))  # what no file system can make smaller
            self.save()
        except OSError:
            self.drop()
            raise

    def end(self, status: str, made: list[Path]) -> None:
        """Note how the execution ended, that first of all, and keep its results.

        Raises OSError when the disk is full; then the end is noted, and the results can be kept later.
        """
        self.status, self.end_time, self.results = status, now(), [str(path) for path in made]
        (self.folder / "reserve").unlink(missing_ok=True)
        self.save()
        self.keep_results()

    def keep_results(self) -> None:
        """Copy results aside, all or none, as long as the workspace holds no others: it may when they are logged.

        Without what lies in data/, which is large, and the input of later stages rather than something to look at.
        """
        results = [Path(result) for result in self.results]
        shown = [path for path in results if path.parts[0] != "data"]
        kept, unfinished = self.folder / "artifacts", self.folder / "unfinished"
        if not shown or kept.exists() or not all(path.exists() for path in results):
            return
        if lineage.digest(results) != self.tags["results"]:
            return
        shutil.rmtree(unfinished, ignore_errors=True)
        for path in shown:
            copy = shutil.copytree if path.is_dir() else shutil.copyfile
            (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
            copy(path, unfinished / path)
        unfinished.replace(kept)

    def save(self) -> None:
        """Write the run down."""
        files.write_text(self.folder / "record.json", json.dumps(asdict(self)))  # a loss may be NaN

    def drop(self) -> None:
        """Remove the run, its folder last: MLflow has all of it."""
        for copies in ("artifacts", "unfinished"):
            shutil.rmtree(self.folder / copies, ignore_errors=True)
        shutil.rmtree(self.folder)


def place() -> Path:
    """Return the folder of the runs that MLflow does not have yet."""
    return root() / ".convscope"


def ended() -> list[PendingRun]:
    """Return the runs for the present store whose execution is over, the first one first.

    Who was killed is found as KILLED, at the time of its last point.
    """
    found = []
    for path in place().glob("*/record.json"):
        alive = filelock.FileLock(path.with_name("alive"), timeout=0)
        try:
            with alive:  # first: a record that was read before would miss how a process ended in between
                run = PendingRun(**files.read_json(path))
        except filelock.Timeout:
            continue
        except (ValueError, TypeError):  # damaged, or written by another version
            path.rename(path.with_name("unreadable.json"))
            print(f"{path}: not readable as a record of a stage; renamed to unreadable.json", file=sys.stderr)
            continue
        if run.status == "RUNNING":
            run.status = "KILLED"
            run.end_time = max([run.start_time, *(point["timestamp"] for point in run.metrics)])
        found.append(run)
    mine = [run for run in found if store.without_secrets(run.store) in (store.remembered(), store.name())]
    return sorted(mine, key=lambda run: run.start_time)


def now() -> int:
    """Return the time in milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)
