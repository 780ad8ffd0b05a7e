"""Arrays as they lie in a file, NumPy's or IDX: read block by block, and no further than their header says."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.data import idx

Array = NDArray[Any]

BLOCK = 2**21  # bytes read at once; their float64 copies take eight times that
ROW = 2**25  # bytes of one image: 1000x1000 in colour, float64, fit
FORTRAN = 2**28  # bytes of an array whose images do not lie one after the other, so that it is read whole


@dataclass(frozen=True)
class Saved:
    """An array whose values come block by block, along its first axis."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Iterator[Array]

    @property
    def found(self) -> str:
        """Return what it is, for a message."""
        return f"found {self.dtype} of shape {_sizes(self.shape)}"

    @property
    def size(self) -> int:
        """Return how many bytes it takes."""
        return math.prod(self.shape) * self.dtype.itemsize


def in_memory(array: Array) -> Saved:
    """Return an array that needs no reading."""
    rows = max(1, BLOCK // max(1, array.nbytes // max(1, len(array))))
    return Saved(array.shape, array.dtype, (array[start : start + rows] for start in _starts(len(array), rows)))


def npy(file: BinaryIO) -> Saved:
    """Return the array of a .npy file. Raises UserError for objects, and for a header that no such file has."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # the others are for headers of any length
        raise UserError(f"version {version[0]}.{version[1]} of NumPy's format; needed is 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise UserError("found Python objects; needed are numbers or strings: save np.array(x.tolist())")
    return _read(file, shape, dtype, fortran)


def idx_file(file: BinaryIO, dimensions: int) -> Saved:
    """Return the array of an IDX file. Raises UserError where it is damaged."""
    header = file.read(4 + 4 * dimensions)
    idx.decode(header[:4] + bytes(len(header[4:])), "IDX", dimensions)  # an empty one: is the header whole, and right?
    return _read(file, struct.unpack(f">{dimensions}I", header[4:]), np.dtype(np.uint8), fortran=False)


def _read(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool) -> Saved:
    """Return the array after a header, once that says what an array of images or labels can be."""
    saved = Saved(shape, dtype, iter(()))
    row = math.prod(shape[1:]) * dtype.itemsize
    if any(side < 0 for side in shape) or (shape and shape[0] and not row):
        raise UserError(f"{saved.found}; needed are images or labels")
    if row > ROW:
        raise UserError(f"{saved.found}: {row:,} bytes an image; allowed are {ROW:,}")
    if not fortran or len(shape) < 2:
        return Saved(shape, dtype, _blocks(file, shape, dtype, max(1, BLOCK // max(1, row))))
    if row * shape[0] > FORTRAN:
        raise UserError(f"{saved.found} in Fortran's order; allowed are {FORTRAN:,} bytes, or np.ascontiguousarray(x)")
    (whole,) = _blocks(file, shape[::-1], dtype, max(1, shape[-1]))
    return in_memory(whole.T)


def _blocks(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], rows: int) -> Iterator[Array]:
    """Yield some rows after the others, at least one block. Raises UserError for fewer or more bytes than there are."""
    row, count = shape[1:], shape[0] if shape else 1
    expected = math.prod(shape) * dtype.itemsize
    read = 0
    for start in _starts(count, rows):
        wanted = math.prod(row) * dtype.itemsize * min(rows, count - start)
        content = file.read(wanted)
        read += len(content)
        if len(content) < wanted:
            raise UserError(f"{read} bytes found, but its header says {_sizes(shape)}, which takes {expected}")
        array = np.frombuffer(content, dtype) if content else np.empty(0, dtype)
        yield array.reshape((min(rows, count - start), *row) if shape else ())
    if file.read(1):  # an archive checks a file's sum only at its end, too
        raise UserError(f"more than {read} bytes found, but its header says {_sizes(shape)}, which takes {expected}")


def _starts(count: int, rows: int) -> range:
    return range(0, max(1, count), rows)  # an array without images has a block without images


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
