"""What lies in a folder or an archive, and in the archives in it: zip, tar, gzip, Debian's packages."""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.config.errors import UserError
from pipeline.sources.budget import ARCHIVES, FILES, UNPACKED, Budget
from pipeline.sources.unpacking import PIECE, Limited, counted, decompressed

DEPTH = 4  # archives in archives
SUFFIXES = (".zip", ".npz", ".whl", ".deb", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")

Contents = Mapping[str, Callable[[], BinaryIO]]  # how to open each file, by its path in the place
Members = Iterator[tuple[str, Callable[[], BinaryIO]]]


@contextmanager
def opened(place: Path, budget: Budget) -> Iterator[Contents]:
    """Give how to open each file in a folder or an archive, by its path there; or the one file.

    Archives in it are opened. Raises UserError where `place` is not there, damaged, or holds more than is allowed.
    """
    if not place.exists():
        raise UserError(f"{place}: not found")
    with ExitStack() as stack:
        opening = _Opening(budget, stack)
        try:
            found = dict(opening.folder(place) if place.is_dir() else opening.single(place))
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
        except Exception as error:  # whatever a damaged archive makes its reader raise
            raise UserError(f"{place}: not readable: {brief(error)}") from None
        yield found


@dataclass(frozen=True)
class _Opening:
    """Goes through a place, counts what it finds, and keeps the archives open."""

    budget: Budget
    stack: ExitStack

    def folder(self, place: Path) -> Members:
        paths = []
        for path in place.rglob("*"):
            if path.name[0] != "." and path.is_file():
                self.budget.spend(FILES, 1)
                paths.append(path)
        for path in sorted(paths):
            if path.name.lower().endswith((*SUFFIXES, ".gz")):
                self.budget.limits[UNPACKED] += path.stat().st_size
            yield from self.walk(path.relative_to(place).as_posix(), _on_disk(path), DEPTH)

    def single(self, place: Path) -> Members:
        self.budget.limits[UNPACKED] += place.stat().st_size
        inside = self.inside(place.open("rb"), DEPTH)
        return iter([(place.name, _on_disk(place))]) if inside is None else inside

    def walk(self, name: str, content: Callable[[], BinaryIO], depth: int) -> Members:
        """Yield a file, or what is in it where its name is that of an archive."""
        if not name.lower().endswith(SUFFIXES) or not depth:
            yield name, content
            return
        try:
            for inner, inner_content in self.inside(content(), depth) or ():
                yield f"{name}/{inner}", inner_content
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        except Exception as error:  # as above
            raise UserError(f"{name}: not readable: {brief(error)}") from None

    def inside(self, content: BinaryIO, depth: int) -> Members | None:
        """Return what is in an archive, by its first bytes; None where it is none."""
        self.budget.spend(ARCHIVES, 1)
        file = self.seekable(content)
        first = file.read(tarfile.BLOCKSIZE)
        file.seek(0)
        if first.startswith(b"PK") and zipfile.is_zipfile(file):
            return self.in_zip(self.stack.enter_context(zipfile.ZipFile(file)), depth - 1)
        if first.startswith(b"!<arch>\n"):
            return self.in_deb(file, depth)
        file.seek(0)
        unpacked = decompressed(first, file)
        if unpacked:
            stream = counted(unpacked, self.budget)
            if not _is_tar(stream.peek(tarfile.BLOCKSIZE)):
                return None
            file = self.seekable(stream)
        elif not _is_tar(first):
            return None
        return self.in_tar(self.stack.enter_context(tarfile.open(fileobj=file, mode="r:")), depth - 1)

    def in_zip(self, archive: zipfile.ZipFile, depth: int) -> Members:
        for info in archive.infolist():
            self.budget.spend(FILES, 1)
            if not info.is_dir():
                yield from self.walk(info.filename, partial(self.open_in_zip, archive, info), depth)

    def open_in_zip(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> io.BufferedReader:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others come out of it in one piece
            raise UserError(f"compressed by method {info.compress_type} of zip; allowed is deflate, the usual one")
        return counted(archive.open(info), self.budget)

    def in_tar(self, archive: tarfile.TarFile, depth: int) -> Members:
        for info in archive:
            self.budget.spend(FILES, 1)
            if info.issparse():
                raise UserError(f"{info.name}: a sparse file; make the tar anew without --sparse")
            if info.isfile():
                yield from self.walk(info.name, partial(archive.extractfile, info), depth)  # type: ignore[arg-type]

    def in_deb(self, file: BinaryIO, depth: int) -> Members | None:
        """Return the files that a Debian package installs: of its `ar` archive the member data.tar.*, see deb(5)."""
        file.seek(8)
        while header := file.read(60):
            size = int(header[48:58])
            if size < 0:
                raise UserError(f"a member of {size} bytes")
            if header.startswith(b"data.tar"):
                pieces = (file.read(min(PIECE, size - start)) for start in range(0, size, PIECE))
                return self.inside(self.temporary(pieces), depth)
            file.seek(size + size % 2, io.SEEK_CUR)
        return iter(())

    def seekable(self, file: Any) -> BinaryIO:
        """Return a file that any part can be read of; an unpacked one lies on disk for that, and not in memory."""
        if isinstance(file, Limited):
            return file
        if file.seekable():
            return self.stack.enter_context(Limited(file.detach()))
        with file:
            return self.temporary(iter(partial(file.read, PIECE), b""))

    def temporary(self, pieces: Iterable[bytes]) -> BinaryIO:
        file = self.stack.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115, since the stack closes it
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        return self.stack.enter_context(Limited(file))


def _on_disk(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _is_tar(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def brief(error: BaseException) -> str:
    """Return an error's message on one line, or its name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
