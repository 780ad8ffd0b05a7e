"""Writing results: whole or not at all, and the same bytes for the same content."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes its name only once all of it is written.

    Raises OSError naming `path` when the disk is full or the folder cannot be written; then nothing is left behind.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(NotADirectoryError):
            unfinished.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes."""
    with atomic_write(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, its keys in the given order."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as .npy."""
    with atomic_write(path) as file:
        # only its write: numpy would write past a file object, and not say why a write failed
        np.save(SimpleNamespace(write=file.write), array, allow_pickle=False)


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write named arrays as .npz, as np.savez does, but for its zip headers: those change with Python's version."""
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 text."""
    return path.read_text(encoding="utf-8").splitlines()


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
