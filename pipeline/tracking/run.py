"""A tracked run for every execution of a stage. Its results are its files; MLflow only shows them."""

import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from pipeline.config import params, paths
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.tracking import collector, store
from pipeline.tracking import lineage as results
from pipeline.tracking import outbox as records

LIVE_AFTER = 10_000  # milliseconds: what is over sooner nobody watches, and MLflow takes two seconds of both cores


class StageRun:
    """One execution of a stage, with its settings in `params`."""

    def __init__(self, record: records.Record, settings: params.Params) -> None:
        self.params = settings
        self._record = record
        self._alive = record.alive()
        self._beside: ThreadPoolExecutor | None = None
        self._delivery: Future[None] | None = None
        self._client: Any = None
        self._away = False

    def begin(self) -> None:
        """Note that the stage runs, for as long as this process lives."""
        self._alive.acquire()
        self._record.save()

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Log one point of every curve, epochs counted from 1; a thread beside the work loads MLflow and logs it."""
        self._record.add_points(metrics, step=epoch)
        if self._beside or not store.is_own() or records.now() - self._record.start_time > LIVE_AFTER:
            self._beside = self._beside or ThreadPoolExecutor(max_workers=1)
            if self._delivery is None or self._delivery.done():
                self._delivery = self._beside.submit(self._show)

    def finish(self, costs: dict[str, float], made: list[Path]) -> None:
        """Close the run with what came out."""
        self._wait()
        metrics = (
            files.read_json(paths.metrics(self._record.stage)) if paths.metrics(self._record.stage) in made else {}
        )
        live = {point["key"] for point in self._record.metrics}
        self._record.add_points(
            costs | {key: value for key, value in results.numbers(metrics).items() if key not in live}
        )
        self._record.tags["results"] = results.digest(made)
        self._close("FINISHED", [path for path in made if path.parts[0] != "data"])

    def fail(self, costs: dict[str, float], error: BaseException) -> None:
        """Close the run with why the stage ended early."""
        self._wait()
        self._record.add_points(costs)
        self._record.traceback = "".join(traceback.format_exception(error))
        self._close("FAILED" if isinstance(error, Exception) else "KILLED", [])

    def _show(self) -> None:
        """Log what is new. A store that hangs costs its time-out once, not every epoch."""
        self._record.save()
        if not self._away:
            runs = load_mlflow()
            try:
                self._client = self._client or runs.connect()
                runs.deliver(self._client, self._record)
            except (UserError, *runs.STORE_ERRORS):
                self._away = True

    def _wait(self) -> None:
        """Wait for the thread beside the work, so that the record is this one's alone."""
        if self._beside:
            self._beside.shutdown()

    def _close(self, status: str, made: list[Path]) -> None:
        """Close the record, and log it with all that waits, unless another process is about to."""
        try:
            self._record.keep_results(made)
            self._record.status, self._record.end_time = status, records.now()
            self._record.save()
            self._alive.release()
            if status == "FINISHED" and store.is_own() and not self._beside and _publish_follows():
                return
            runs = load_mlflow()
            stopped = runs.deliver_ended(runs.connect())
        except (UserError, OSError) as error:
            stopped = error
        if stopped:
            print(
                f"{self._record.stage}: this run is not in MLflow: {store.first_line(stopped)}. The files are whole; "
                "once the store is back the next stage logs it, and publish the complete run.",
                file=sys.stderr,
            )


@contextmanager
def stage_run(name: str, settings: params.Params) -> Iterator[StageRun]:
    """Track the body as one execution of a stage: what it reads and makes, what it costs, how it ends.

    Raises UserError before the body starts when the store is out of reach.
    """
    if store.is_own():
        store.check_own()
    else:
        load_mlflow().connect()
    stage = results.declared(name)
    record = records.Record(
        stage=name,
        store=store.uri(),
        params=params.flat(settings, stage.sections),
        inputs={
            path: md5.removesuffix(".dir")
            for path, md5 in results.hashes().items()
            if path in stage.inputs and path.startswith("data/")
        },
        tags=code_tags() | {"stage": name, "mlflow.source.name": f"pipeline/{name}.py", "mlflow.source.type": "LOCAL"},
    )
    run = StageRun(record, settings)
    run.begin()
    started = time.perf_counter()
    try:
        yield run
    except BaseException as error:
        run.fail(_costs(started), error)
        raise
    run.finish(_costs(started), stage.results)


def load_mlflow() -> ModuleType:
    """Return mlflow_runs."""
    with collector.off():
        from pipeline.tracking import client as mlflow_runs
    return mlflow_runs


def code_tags() -> dict[str, str]:
    """Return tags that say which code runs: the commit, whether tracked files differ from it, DVC's experiment.

    params.yaml and dvc.lock may differ: a run holds the one, and the other follows from the rest.
    """
    changed = store.git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!params.yaml", ":!dvc.lock")
    tags = {
        "git.commit": store.git("rev-parse", "HEAD"),
        "git.dirty": "true" if changed else "false",
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _publish_follows() -> bool:
    """Tell whether this stage runs in a `dvc repro` or `dvc exp run` of the whole pipeline, which ends with publish.

    DVC does not tell a stage what comes after it, but its command line does: no stage is named there. A wrong guess
    costs two seconds, or leaves the record to the next process that has MLflow loaded.
    """
    if os.environ.get("DVC_STAGE", "publish") == "publish":
        return False
    try:
        lines = [process.cmdline() for process in psutil.Process().parents()]
    except psutil.Error:  # one of them has just ended
        return False
    for words in lines:
        if any(Path(word).name == "dvc" for word in words[:3]):
            whole = {"repro", "run", "exec-run", "queue-worker"} & set(words)
            return bool(whole) and not set(words) & set(results.stages())
    return False


def _costs(started: float) -> dict[str, float]:
    """Return the seconds of work, without start-up, and the process's peak memory in MB."""
    try:  # Linux's ru_maxrss counts from what the starting process held
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        kilobytes = int(found[1]) if found else 0
    except FileNotFoundError:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # macOS counts bytes
    return {"seconds": time.perf_counter() - started, "peak_memory_mb": kilobytes / 1024}
