"""Files that are unpacked piece by piece, and counted: none of them is ever in memory as a whole."""

import bz2
import gzip
import io
import lzma
from typing import Any, BinaryIO

from pipeline.config.errors import UserError
from pipeline.sources.budget import UNPACKED, Budget

PIECE = 2**20  # bytes that are unpacked at once
HEADER = 2**25  # bytes that tarfile and zipfile read at once: the list of 200,000 files in a zip has about 20 million
DICTIONARY = 100_000_000  # bytes that xz may look back: its highest setting needs 65 million


class Limited(io.BufferedReader):
    """A file for tarfile and zipfile, which would read a header of a GB at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes. Raises UserError where they are asked for more than any header has."""
        if size is not None and size > HEADER:
            raise UserError(f"a header of {size:,} bytes; allowed are {HEADER:,}")
        return super().read(HEADER if size is None or size < 0 else size)


class _Counted(io.RawIOBase):
    """A file that is counted as it is unpacked, piece by piece."""

    def __init__(self, file: Any, budget: Budget) -> None:
        self.file = file
        self.budget = budget

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the file, too."""
        self.file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Read a piece, and count it. Raises UserError where it is more than what is left."""
        piece = self.file.read(min(len(buffer), PIECE))
        self.budget.spend(UNPACKED, len(piece))
        buffer[: len(piece)] = piece
        return len(piece)


class _Xz(io.RawIOBase):
    """What lzma.LZMAFile is, with a limit to its memory, which that does not offer."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.decompressor = lzma.LZMADecompressor(memlimit=DICTIONARY)

    def read(self, size: int = -1, /) -> bytes:
        """Read some bytes; none at the end. Raises EOFError where the file ends before its content does."""
        piece = b""
        while not piece and not self.decompressor.eof:
            packed = self.file.read(PIECE) if self.decompressor.needs_input else b""
            if self.decompressor.needs_input and not packed:
                raise EOFError("it ends too early")
            piece = self.decompressor.decompress(packed, size)
        return piece


def decompressed(first: bytes, file: BinaryIO) -> gzip.GzipFile | bz2.BZ2File | _Xz | None:
    """Return a compressed file's content by its first bytes; None where it is not compressed."""
    if first.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if first.startswith(b"BZh"):
        return bz2.BZ2File(file)
    return _Xz(file) if first.startswith(b"\xfd7zXZ\0") else None


def counted(file: Any, budget: Budget) -> io.BufferedReader:
    """Return a file that counts what is read of it."""
    return io.BufferedReader(_Counted(file, budget), 2**16)


def uncompressed(name: str, file: BinaryIO, budget: Budget) -> BinaryIO:
    """Return a file, unpacked where its name ends in .gz."""
    if not name.lower().endswith(".gz"):
        return file
    return counted(gzip.GzipFile(fileobj=file), budget)
