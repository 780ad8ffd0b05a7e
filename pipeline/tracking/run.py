"""One execution of a stage, as MLflow will see it. Its results are its files; MLflow only shows them."""

import errno
import os
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.data import files
from pipeline.data.checkpoints import Checkpoint
from pipeline.tracking import lineage, outbox, store
from pipeline.tracking.gc_paused import gc_paused

LIVE_AFTER = 10_000  # milliseconds: what is over sooner nobody watches, and MLflow takes two seconds of both cores


class StageRun:
    """One execution of a stage, with its settings in `params`, and in `inputs` what dvc.yaml says it reads."""

    def __init__(self, pending: outbox.PendingRun, settings: Params, inputs: list[Path]) -> None:
        self.params = settings
        self.inputs = inputs
        self._pending = pending
        self._alive = pending.alive()
        self._beside: ThreadPoolExecutor | None = None
        self._delivery: Future[None] | None = None
        self._client: Any = None
        self._away = False

    def begin(self) -> None:
        """Note that the stage runs, for as long as this process lives."""
        self._alive.acquire()
        self._pending.begin()

    @property
    def name(self) -> str:
        """What the run's tag `record` says in MLflow."""
        return self._pending.name

    def tag(self, key: str, value: str) -> None:
        """Say something of the run that is known only now."""
        self._pending.tags[key] = value

    def checkpoint(self) -> Checkpoint:
        """Return where the stage keeps how far it has come, for exactly these settings, inputs, code and versions."""
        stage = self._pending.stage
        return Checkpoint(outbox.place() / "checkpoints", stage, lineage.origin(stage, self.params))

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Log one point of every curve, epochs counted from 1; a thread beside the work loads MLflow and logs it."""
        self._pending.add_points(metrics, step=epoch)
        if self._beside or outbox.now() - self._pending.start_time > LIVE_AFTER:
            self._beside = self._beside or ThreadPoolExecutor(max_workers=1)
            if self._delivery is None or self._delivery.done():
                self._delivery = self._beside.submit(self._show)

    def finish(self, costs: dict[str, float], made: list[Path]) -> None:
        """Close the run with what came out. Raises FileNotFoundError naming a result that was to come and did not."""
        self._wait()
        for path in made:
            if not path.exists():
                raise FileNotFoundError(
                    errno.ENOENT, "dvc.yaml says that the stage writes it, and it did not", str(path)
                )
        path = paths.metrics(self._pending.stage)
        metrics = lineage.numbers(files.read_json(path)) if path in made else {}
        live = {point["key"] for point in self._pending.metrics}
        self._pending.add_points(costs | {key: value for key, value in metrics.items() if key not in live})
        self._pending.tags["results"] = lineage.digest(made)
        # MLflow takes longer to load than most stages work: under DVC publish loads it; who has it loaded need not wait
        self._close("FINISHED", made, "DVC_STAGE" not in os.environ or "pipeline.tracking.client" in sys.modules)

    def fail(self, costs: dict[str, float], error: BaseException) -> None:
        """Close the run with why the stage ended early."""
        self._wait()
        self._pending.add_points(costs)
        self._pending.traceback = store.hidden("".join(traceback.format_exception(error)))
        # after a failure there may be no publish; where the store is the cause there is nobody to take the record
        self._close("FAILED" if isinstance(error, Exception) else "KILLED", [], not isinstance(error, store.StoreError))

    def _show(self) -> None:
        """Log what is new. A store that hangs costs its time-out once, not every epoch."""
        self._pending.save()
        if not self._away:
            client = load_client()
            from pipeline.tracking import delivery  # loads MLflow, as the client has by now

            try:
                self._client = self._client or client.connect()
                delivery.deliver(self._client, self._pending)
            except (UserError, *client.STORE_ERRORS):
                self._away = True

    def _wait(self) -> None:
        """Wait for the thread beside the work, so that the record is this one's alone."""
        if self._beside:
            self._beside.shutdown()

    def _close(self, status: str, made: list[Path], deliver: bool) -> None:
        """Close the record and, where asked to, log it with all that waits; say in one line what stands in the way."""
        stopped: BaseException | None = None
        try:
            self._pending.end(status, made)
            self._alive.release()
            if deliver:
                client = load_client()
                from pipeline.tracking import delivery  # as above

                stopped = delivery.flush(client.connect())
        except (UserError, OSError) as error:
            stopped = error
        if stopped:
            print(
                f"{self._pending.stage}: this run is not in MLflow: {store.first_line(stopped)}. The files are whole; "
                "once that is mended the next stage logs it, and publish the complete run.",
                file=sys.stderr,
            )


def load_client() -> ModuleType:
    """Return pipeline.tracking.client, which loads MLflow."""
    with gc_paused():
        from pipeline.tracking import client
    return client
