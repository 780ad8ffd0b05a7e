"""What lies in a folder or an archive, and in the archives in it: zip, tar, gzip, Debian's packages."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pipeline.config.errors import UserError

LIMIT = 600_000_000  # bytes of one file, unpacked: EMNIST's largest has 548 million
DEPTH = 4  # archives in archives
SUFFIXES = (".zip", ".npz", ".whl", ".deb", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")

Contents = Mapping[str, Callable[[], bytes]]  # how to read each file, by its path in the place
Members = Iterator[tuple[str, Callable[[], bytes]]]


@contextmanager
def opened(place: Path) -> Iterator[Contents]:
    """Give how to read each file in a folder or an archive, by its path there; or the one file.

    Archives in it are opened. Raises UserError where `place` is not there, or damaged.
    """
    if not place.exists():
        raise UserError(f"{place}: not found")
    with ExitStack() as stack:
        try:
            if place.is_dir():
                paths = [path for path in sorted(place.rglob("*")) if path.is_file() and path.name[0] != "."]
                found = dict(
                    entry
                    for path in paths
                    for entry in _walk(path.relative_to(place).as_posix(), path.read_bytes, DEPTH, stack)
                )
            else:
                inside = _inside(stack.enter_context(place.open("rb")), DEPTH, stack)
                found = {place.name: place.read_bytes} if inside is None else dict(inside)
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
        except Exception as error:  # whatever a damaged archive makes its reader raise
            raise UserError(f"{place}: not readable: {brief(error)}") from None
        yield found


def _walk(name: str, content: Callable[[], bytes], depth: int, stack: ExitStack) -> Members:
    """Yield a file, or what is in it where its name is that of an archive."""
    if not name.lower().endswith(SUFFIXES) or not depth:
        yield name, content
        return
    try:
        for inner, inner_content in _inside(io.BytesIO(content()), depth, stack) or ():
            yield f"{name}/{inner}", inner_content
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except Exception as error:  # as above
        raise UserError(f"{name}: not readable: {brief(error)}") from None


def _inside(file: BinaryIO, depth: int, stack: ExitStack) -> Members | None:
    """Return what is in an archive, by its first bytes; None where it is none."""
    if zipfile.is_zipfile(file):
        return _in_zip(stack.enter_context(zipfile.ZipFile(file)), depth - 1, stack)
    file.seek(0)
    if file.read(8) == b"!<arch>\n":
        return _in_deb(file, depth - 1, stack)
    file.seek(0)
    if not tarfile.is_tarfile(file):
        return None
    file.seek(0)
    return _in_tar(stack.enter_context(tarfile.open(fileobj=file)), depth - 1, stack)


def _in_zip(archive: zipfile.ZipFile, depth: int, stack: ExitStack) -> Members:
    for info in archive.infolist():
        if not info.is_dir():
            _check_size(info.filename, info.file_size)
            yield from _walk(info.filename, partial(archive.read, info), depth, stack)


def _in_tar(archive: tarfile.TarFile, depth: int, stack: ExitStack) -> Members:
    for info in filter(tarfile.TarInfo.isfile, archive):
        _check_size(info.name, info.size)
        yield from _walk(info.name, lambda info=info: archive.extractfile(info).read(), depth, stack)  # type: ignore[misc, union-attr]


def _in_deb(file: BinaryIO, depth: int, stack: ExitStack) -> Members:
    """Yield the files that a Debian package installs: of its `ar` archive the member data.tar.*, see deb(5)."""
    file.seek(8)
    while header := file.read(60):
        size = int(header[48:58])
        if header.startswith(b"data.tar"):
            _check_size("data.tar", size)
            yield from _inside(io.BytesIO(file.read(size)), depth, stack) or ()
            return
        file.seek(size + size % 2, io.SEEK_CUR)


def _check_size(name: str, size: int) -> None:
    if size > LIMIT:
        raise UserError(f"{name}: {size:,} bytes unpacked; allowed are {LIMIT:,}")


def uncompressed(name: str, content: bytes) -> bytes:
    """Return a file's content, unpacked where its name ends in .gz. Raises UserError when it is too large."""
    if not name.endswith(".gz"):
        return content
    with gzip.open(io.BytesIO(content)) as file:
        unpacked = file.read(LIMIT + 1)
    _check_size(name, len(unpacked))
    return unpacked


def brief(error: BaseException) -> str:
    """Return an error's message on one line, or its name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
