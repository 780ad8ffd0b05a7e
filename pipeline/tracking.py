"""A tracked run for every execution of a stage. Its results are its files; MLflow only shows them."""

import os
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

from pipeline import collector, files, params, paths, records, results, store
from pipeline.errors import UserError

LIVE_AFTER = 10_000  # milliseconds: what is over sooner nobody watches, and MLflow takes two seconds of both cores


class StageRun:
    """One execution of a stage, with its settings in `params`."""

    def __init__(self, record: records.Record, settings: params.Params) -> None:
        self.params = settings
        self._record = record
        self._beside: ThreadPoolExecutor | None = None
        self._deliveries: list[Future[None]] = []
        self._client: Any = None
        self._away = False

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Log one point of every curve, epochs counted from 1; a thread beside the work loads MLflow and logs it."""
        self._record.add_points(metrics, step=epoch)
        if self._beside or not store.is_own() or records.now() - self._record.start_time > LIVE_AFTER:
            self._beside = self._beside or ThreadPoolExecutor(max_workers=1)
            self._deliveries.append(self._beside.submit(self._show))

    def finish(self, costs: dict[str, float], made: list[Path]) -> None:
        """Close the run with what came out."""
        metrics = (
            files.read_json(paths.metrics(self._record.stage)) if paths.metrics(self._record.stage) in made else {}
        )
        live = {point["key"] for point in self._record.metrics}
        self._record.add_points(
            costs | {key: value for key, value in results.numbers(metrics).items() if key not in live}
        )
        self._record.tags["results"] = results.digest(made)
        self._record.keep_results([path for path in made if path.parts[0] != "data"])
        self._close("FINISHED", hand_over=_publish_follows())

    def fail(self, costs: dict[str, float], error: BaseException) -> None:
        """Close the run with why the stage ended early."""
        self._record.add_points(costs)
        self._record.traceback = "".join(traceback.format_exception(error))
        self._close("FAILED" if isinstance(error, Exception) else "KILLED", hand_over=False)

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

    def _close(self, status: str, hand_over: bool) -> None:
        """Close the record, and log it with all that waits, unless another process is about to."""
        if self._beside:
            self._beside.shutdown()
            for delivery in self._deliveries:
                delivery.result()  # raises what went wrong beside the work, other than the store
        self._record.status, self._record.end_time = status, records.now()
        self._record.save()
        if hand_over and not self._beside and store.is_own():
            return
        runs = load_mlflow()
        try:
            runs.deliver_ended(runs.connect())
        except (UserError, *runs.STORE_ERRORS) as error:
            print(
                f"{self._record.stage}: the MLflow store went away: {store.first_line(error)}. The files are whole; "
                "once the store is back the next stage logs this run, and publish the complete one.",
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
    record.save()
    run = StageRun(record, settings)
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
        from pipeline import mlflow_runs
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
    for process in psutil.Process().parents():
        words = process.cmdline()
        if any(Path(word).name == "dvc" for word in words[:3]):
            whole = {"repro", "run", "exec-run", "queue-worker"} & set(words)
            return bool(whole) and not set(words) & set(results.stages())
    return False


def _costs(started: float) -> dict[str, float]:
    """Return the seconds of work, without start-up, and the process's peak memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - started, "peak_memory_mb": peak / 1024}
