"""The outbox: what is to be said of one execution of a stage lies on disk until MLflow has it.

So nothing is lost when the store goes away or the process is killed, and a stage that works for half a second need not
load MLflow for two: the next process that has it loaded says it.
"""

import json
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
from pipeline.tracking import store


@dataclass
class PendingRun:
    """One execution of a stage, in MLflow's terms."""

    stage: str
    store: str  # where it belongs
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

    def keep_results(self, results: list[Path]) -> None:
        """Copy result files and folders aside: the workspace may hold others by the time this is logged."""
        for result in results:
            copy = shutil.copytree if result.is_dir() else shutil.copyfile
            target = self.folder / "artifacts" / result
            target.parent.mkdir(parents=True, exist_ok=True)
            copy(result, target)

    def save(self) -> None:
        """Write the run down."""
        files.write_text(self.folder / "record.json", json.dumps(asdict(self)))  # a loss may be NaN

    def drop(self) -> None:
        """Remove the run, its folder last: MLflow has all of it."""
        shutil.rmtree(self.folder / "artifacts", ignore_errors=True)
        shutil.rmtree(self.folder)

    def is_over(self) -> bool:
        """Tell whether the execution has ended, be it that its process is gone."""
        if self.status == "RUNNING":
            try:
                self.alive().acquire(timeout=0).lock.release()
            except filelock.Timeout:
                return False
        return True


def place() -> Path:
    """Return the folder of the runs that MLflow does not have yet."""
    return root() / ".convscope"


def ended() -> list[PendingRun]:
    """Return the runs for the present store whose execution is over, the first one first."""
    pending = []
    for path in place().glob("*/record.json"):
        try:
            pending.append(PendingRun(**files.read_json(path)))
        except (ValueError, TypeError):  # damaged, or written by another version
            path.rename(path.with_name("unreadable.json"))
            print(f"{path}: not readable as a record of a stage; renamed to unreadable.json", file=sys.stderr)
    mine = [run for run in pending if run.store in (store.name(), store.uri()) and run.is_over()]
    return sorted(mine, key=lambda run: run.start_time)


def now() -> int:
    """Return the time in milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)
