"""The IDX format of MNIST: a magic number, the sizes, the bytes (http://yann.lecun.com/exdb/mnist)."""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

UNSIGNED_BYTES = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
WANTED = {1: "labels, one number an image", 3: "grey images: count, height, width"}


def encode(array: NDArray[np.uint8]) -> bytes:
    """Return the IDX bytes of a uint8 array of any shape."""
    header = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTES, array.ndim, *array.shape)
    return header + array.tobytes()


def decode(content: bytes, name: str, dimensions: int) -> NDArray[np.uint8]:
    """Return the read-only uint8 array in IDX bytes; `name` stands in the message when they are damaged.

    Raises UserError for a wrong magic number and for fewer or more bytes than the header says.
    """
    expected = UNSIGNED_BYTES << 8 | dimensions
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise UserError(f"{name}: truncated: {len(content)} bytes found, the header alone takes {header}")
    (magic,) = struct.unpack_from(">I", content)
    if magic != expected:
        raise UserError(f"{name}: wrong magic number: found 0x{magic:08x}{_meaning(magic)}, expected 0x{expected:08x}, "
                        f"{WANTED[dimensions]}, of unsigned bytes")  # fmt: skip
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    size = header + math.prod(shape)
    if len(content) != size:
        sizes = "x".join(map(str, shape))
        raise UserError(f"{name}: {len(content)} bytes found, but its header says {sizes}, which takes {size}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _meaning(magic: int) -> str:
    """Return in words what another magic number stands for, where it is one of IDX."""
    kind, dimensions = magic >> 8, magic & 0xFF
    if kind == UNSIGNED_BYTES:
        return f", {dimensions} dimensions" + (" (colour images?)" if dimensions == 4 else "")
    return f", {OTHER_TYPES[kind]} values" if kind in OTHER_TYPES else ""
