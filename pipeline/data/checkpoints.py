"""Checkpoints: how far long work had come when it was killed, outside DVC's outputs, which each run begins without."""

import hashlib
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data import files

KEPT = 7 * 24 * 3600  # seconds for which a checkpoint that nothing goes on from is kept

UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # half a file, or one with a flipped bit

Arrays = dict[str, NDArray[Any]]


class Checkpoint:
    """A file with arrays and a state (JSON) of one work, whose name follows from all that its result follows from.

    `origin` holds that: settings by key, hashes of files by path. So what other settings, data or code left behind
    has another name and is never read.
    """

    def __init__(self, folder: Path, work: str, origin: dict[str, Any]) -> None:
        self.work = work
        self.origin = origin
        key = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()
        self.path = folder / f"{work}-{key[:16]}.npz"

    def __str__(self) -> str:
        return os.path.relpath(self.path)

    def read(self) -> tuple[dict[str, Any], Arrays] | None:
        """Return the state and the arrays; None, and a line on stderr, where the file cannot be read or is not there.

        Where there is none, the line names what others there are and why they are not used.
        """
        try:
            with _opened(self.path) as (content, saved):
                return content["state"], {name: saved[name] for name in saved if name != "content"}
        except FileNotFoundError:
            for line in self._others():
                print(f"{self.work}: {line}", file=sys.stderr)
        except UNREADABLE as error:
            print(f"{self.work}: {self} is not readable ({error}): not used", file=sys.stderr)
        return None

    def write(self, state: dict[str, Any], arrays: Arrays) -> None:
        """Put a newer one in place of what is there; on a full disk say so, and leave what is there."""
        content = json.dumps({"origin": self.origin, "workspace": str(Path.cwd()), "state": state})
        try:
            files.write_arrays(self.path, content=np.array(content), **arrays)
        except OSError as error:
            print(f"{self.work}: no checkpoint: {self}: {error.strerror}; the work goes on", file=sys.stderr)

    def remove(self) -> None:
        """Remove it: the work is done."""
        self.path.unlink(missing_ok=True)

    def _others(self) -> Iterator[str]:
        """Tell of each checkpoint that an earlier run of this work left in this workspace; remove what is old.

        One of another workspace may be in use: experiments run side by side, each in a temporary one.
        """
        for path in sorted(self.path.parent.glob(f"{self.work}-*.npz")):
            try:
                with _opened(path) as (content, _):
                    old = time.time() - path.stat().st_mtime > KEPT
            except UNREADABLE:
                continue  # it went while one looked, or is half a file; who it belongs to will say so
            if old:
                path.unlink(missing_ok=True)
            elif content["workspace"] == str(Path.cwd()):
                before = content["origin"]
                unlike = sorted(key for key in before | self.origin if before.get(key) != self.origin.get(key))
                shown = ", ".join(unlike[:3]) + (", ..." if len(unlike) > 3 else "")
                yield f"{os.path.relpath(path)} is of other {shown}: not used, and kept for a week"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[dict[str, Any], Mapping[str, NDArray[Any]]]]:
    """Open a checkpoint: what is said of it, and its arrays, which are read when they are asked for."""
    with path.open("rb") as file, np.load(file) as saved:  # numpy leaves half a zip open
        yield json.loads(str(saved["content"])), saved
