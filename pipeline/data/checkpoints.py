"""Checkpoints: how far long work had come when it was killed, outside DVC's outputs, which each run begins without."""

import hashlib
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data import files

KEPT = 7 * 24 * 3600  # seconds for which a checkpoint that nothing goes on from is kept

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
            content, arrays = _content(self.path)
            return content["state"], arrays
        except FileNotFoundError:
            for line in self._others():
                print(f"{self.work}: {line}", file=sys.stderr)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
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
                content, _ = _content(path)
                old = time.time() - path.stat().st_mtime > KEPT
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue  # it went while one looked, or is half a file; who it belongs to will say so
            if old:
                path.unlink(missing_ok=True)
            elif content["workspace"] == str(Path.cwd()):
                before = content["origin"]
                unlike = sorted(key for key in before | self.origin if before.get(key) != self.origin.get(key))
                shown = ", ".join(unlike[:3]) + (", ..." if len(unlike) > 3 else "")
                yield f"{os.path.relpath(path)} is of other {shown}: not used, and kept for a week"


def _content(path: Path) -> tuple[dict[str, Any], Arrays]:
    with path.open("rb") as file, np.load(file) as saved:  # numpy leaves half a zip open
        arrays = dict(saved)
    return json.loads(str(arrays.pop("content"))), arrays
