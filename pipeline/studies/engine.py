"""Trials on Dask's workers: on this machine's cores, or on a cluster by its address."""

import contextlib
import logging
import os
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import resource_tracker
from pathlib import Path

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, wait
from distributed.comm import CommClosedError
from distributed.diagnostics.plugin import Environ
from distributed.utils import CancelledError

from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.studies import code
from pipeline.studies.outcome import Data, Outcome

DEATHS = 3  # of the workers that ran a trial, after which it is given up
POLL = 0.5  # seconds, after which workers that joined are noticed
GONE = "study: the Dask scheduler is gone; what is done is kept, and the same command goes on"
CONFIG = {
    "distributed.scheduler.allowed-failures": 0,  # each death is told, and counted here
    "distributed.comm.timeouts.connect": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
}
ROUNDING = (
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
)  # as pipeline/__init__.py sets them


@contextlib.contextmanager
def cluster(address: str | None, processes: int) -> Iterator[Client]:
    """Connect to the scheduler at an address, or to a cluster of this command's own, a process a core.

    Raises UserError where nothing answers. Workers elsewhere get this package's code, and start anew for it.
    """
    archive = code.archive()
    environment = {name: os.environ[name] for name in ROUNDING} | {
        "TF_NUM_INTEROP_THREADS": "1",  # a worker has one core; the number changes no result
        "CONVSCOPE_CODE": code.digest(archive),  # modules of other code may be loaded where it differs
    }
    for logger in ("distributed", "distributed.client", "distributed.gc"):  # the command tells what matters
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    with dask.config.set(CONFIG), contextlib.ExitStack() as stack:
        if address is None:
            yield stack.enter_context(Client(stack.enter_context(_own(processes, environment))))
            return
        try:
            client = stack.enter_context(Client(address))
        except (OSError, ValueError) as error:
            raise UserError(f"study: no Dask scheduler answers at {address}: {error}") from None
        name = f"convscope-{environment['CONVSCOPE_CODE']}"
        if not client.run_on_scheduler(lambda dask_scheduler: name in dask_scheduler.nanny_plugins):
            client.register_plugin(Environ(environment), name=name)  # restarts the workers; those that join have it too
        with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
            path = Path(folder, "convscope.zip")
            path.write_bytes(archive)
            client.upload_file(str(path))
        yield client


def run(
    client: Client, trials: Mapping[str, Params], data: Data, on_running: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcome of each trial by its name, as they come; tell `on_running` how many run.

    A trial whose worker dies runs again; when three workers died of it, it is given up. As many trials are sent as
    there are workers, so that none is blamed for a death while it waits. Raises UserError when the scheduler is gone.
    """
    waiting, running, deaths = deque(trials), dict[Future, str](), Counter[str]()
    shared: Future | None = None
    while waiting or running:
        try:
            slots = sum(client.nthreads().values())
            if waiting and slots and (shared is None or shared.status != "finished"):  # lost with the last holder
                shared = client.scatter(data, broadcast=True)
        except CommClosedError:
            raise UserError(GONE) from None
        while waiting and len(running) < slots:
            name = waiting.popleft()
            running[client.submit(_work, trials[name].model_dump_json(), shared, pure=False)] = name
        on_running(len(running))
        if not running:
            time.sleep(POLL)
            continue
        with contextlib.suppress(TimeoutError, CancelledError):  # each future is looked at below
            wait(list(running), timeout=POLL, return_when="FIRST_COMPLETED")
        if client.status != "running":
            raise UserError(GONE)
        for future in [future for future in running if future.done()]:
            name = running.pop(future)
            try:
                outcome = future.result()
            except (KilledWorker, CancelledError) as error:
                # cancelled: where there was one worker, the data went with it
                deaths[name] += error.allowed_failures + 1 if isinstance(error, KilledWorker) else 1
                if deaths[name] < DEATHS:
                    waiting.appendleft(name)
                    continue
                outcome = Outcome(failed=f"{deaths[name]} workers died while they ran it", again=True)
            yield name, outcome


def _work(settings: str, data: Data) -> Outcome:
    """Run a trial on a worker, which loads TensorFlow for its first."""
    from pipeline.studies import trial

    return trial.run(Params.model_validate_json(settings), data)


@contextlib.contextmanager
def _own(processes: int, environment: dict[str, str]) -> Iterator[LocalCluster]:
    """Start workers on this machine, and end them at once: one that has TensorFlow loaded would take four seconds."""
    # Ctrl-C is for this thread alone: what is started now, Dask's threads and their workers, inherits the mask.
    resource_tracker.ensure_running()  # who starts it, unblocks the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    own = LocalCluster(
        n_workers=processes, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0",
        memory_limit=0, silence_logs=logging.CRITICAL, env=environment,
    )  # fmt: skip
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield own
    finally:
        for nanny in own.workers.values():
            nanny.auto_restart = False
            if nanny.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(nanny.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            own.close(timeout=2)
