"""The shell around every stage: checked parameters in, a tracked run out, one clear line for what a user can mend."""

import errno
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.tracking import run as tracking

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
def stage(name: str) -> Iterator[tracking.StageRun]:
    """Run the body as one stage, with its settings in `run.params`.

    Exits with status 1 and one line on stderr for a UserError and for what the machine refuses (a full disk, say);
    any other error keeps its traceback.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with tracking.stage_run(name, params.load()) as run:
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


def _terminated(signal_number: int, _frame: Any) -> None:
    """Let a polite kill close the tracked run on its way out."""
    raise SystemExit(128 + signal_number)
