"""The shell around every stage: checked parameters in, a tracked run out, one clear line for what a user can mend."""

import errno
import gc
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.config.repository import code_tags
from pipeline.config.sections import Params
from pipeline.tracking import lineage, local, server, store
from pipeline.tracking.outbox import PendingRun
from pipeline.tracking.run import StageRun, load_client

# What the machine refuses, rather than what the code got wrong
REFUSED_BY_THE_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}


@contextmanager
def stage(name: str) -> Iterator[StageRun]:
    """Run the body as one stage, with its settings in `run.params`.

    Exits with status 1 and one line on stderr for a UserError and for what the machine refuses (a full disk, say);
    any other error keeps its traceback.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with stage_run(name, params.load()) as run:
            # All that the imports made lives as long as the process: out of the collector's sight, now and at exit.
            gc.freeze()
            gc.enable()
            yield run
    except UserError as error:
        sys.exit(str(error))
    except OSError as error:
        if error.errno not in REFUSED_BY_THE_MACHINE:
            raise
        sys.exit(f"{name}: {error.filename or 'a file'}: {error.strerror}")


@contextmanager
def stage_run(name: str, settings: Params) -> Iterator[StageRun]:
    """Track the body as one execution of a stage: what it reads and makes, what it costs, how it ends.

    Raises UserError before the body starts when an input is missing or the store is out of reach.
    """
    declared = lineage.declared(name)
    for path in declared.inputs:
        if not path.exists():
            raise UserError(f"{name}: {path} is missing; `dvc repro` makes it, or `dvc checkout` brings it back")
    store.check_address()
    if store.is_local():
        local.check()
    elif store.is_server():
        server.check()
    else:
        load_client().connect()
    pending = PendingRun(
        stage=name,
        store=store.remembered(),
        params=params.flat(settings, declared.settings),
        inputs={
            path: md5.removesuffix(".dir")
            for path, md5 in lineage.hashes().items()
            if Path(path) in declared.inputs and path.startswith("data/")
        },
        tags=code_tags() | {"stage": name, "mlflow.source.name": f"pipeline/{name}.py", "mlflow.source.type": "LOCAL"},
    )
    run = StageRun(pending, settings, declared.inputs)
    run.begin()
    started = time.perf_counter()
    try:
        yield run
        run.finish(_costs(started), declared.results)
    except BaseException as error:
        run.fail(_costs(started), error)
        raise


def _costs(started: float) -> dict[str, float]:
    """Return the seconds of work, without start-up, and the process's peak memory in MB."""
    try:  # Linux's ru_maxrss counts from what the starting process held
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        kilobytes = int(found[1]) if found else 0
    except FileNotFoundError:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # macOS counts bytes
    return {"seconds": time.perf_counter() - started, "peak_memory_mb": kilobytes / 1024}


def _terminated(signal_number: int, _frame: Any) -> None:
    """Let a polite kill close the tracked run on its way out."""
    raise SystemExit(128 + signal_number)
