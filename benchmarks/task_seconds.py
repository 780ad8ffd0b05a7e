"""Loaded into Dask's scheduler: writes for how long each task computed, a line each, to task_seconds.txt."""

from pathlib import Path
from typing import Any

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin


class TaskSeconds(SchedulerPlugin):
    """Keeps the seconds of every task that ends on a worker."""

    def transition(self, key: str, start: str, finish: str, *_: Any, **told: Any) -> None:
        """Write the seconds of a task that just ended."""
        if start == "processing":
            steps = [step for step in told.get("startstops") or () if step["action"] == "compute"]
            with Path("task_seconds.txt").open("a") as file:
                file.write(f"{sum(step['stop'] - step['start'] for step in steps)}\n")


def dask_setup(scheduler: Scheduler) -> None:
    """Begin: what Dask calls."""
    scheduler.add_plugin(TaskSeconds())
