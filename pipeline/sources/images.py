"""Images as they are kept: once, as the bytes of IDX, since a second copy of all of them might not fit."""

import io
import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources.budget import KEPT, Budget

HEADER = 16  # bytes of the IDX header of images
BLOCK = 4096  # images copied at once
SEED = 0  # draws the test images, and the order of the others
TEST_SHARE = 1 / 7  # MNIST's own
TURNED = "EMNIST's images lie on their side, and are turned"


class Images:
    """Grey images of one size, uint8, which grow block by block."""

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.size: tuple[int, ...] = ()  # height, width
        self._budget = budget
        self._file = io.BytesIO(bytes(HEADER))

    def extend(self, blocks: Iterable[NDArray[np.uint8]], announced: int = 0) -> "Images":
        """Take images (n, height, width) in; `announced` says how many there will be.

        Raises UserError where they are of another size, or more than is allowed.
        """
        for block in blocks:
            self.size = self.size or block.shape[1:]
            if block.shape[1:] != self.size:
                here, there = ("x".join(map(str, size)) for size in (block.shape[1:], self.size))
                raise UserError(f"images of {here}, and others of {there}")
            self._budget.check(KEPT, announced * int(np.prod(self.size)))
            self._budget.spend(KEPT, block.nbytes)
            announced = max(0, announced - len(block))
            self._file.seek(0, io.SEEK_END)
            self._file.write(np.ascontiguousarray(block).data if block.size else b"")
            self.count += len(block)
        return self

    def content(self) -> bytes:
        """Return the IDX bytes."""
        self._file.seek(0)
        height, width = self.size or (0, 0)
        self._file.write(struct.pack(">HBB3I", 0, idx.UNSIGNED_BYTES, 3, self.count, height, width))
        return self._file.getvalue()  # without a copy, as long as nobody writes on

    def array(self) -> NDArray[np.uint8]:
        """Return the images (n, height, width), read-only."""
        return idx.decode(self.content(), "images", 3)

    def turn(self) -> None:
        """Make rows of columns, and columns of rows, in place."""
        height, width = self.size
        with self._file.getbuffer() as buffer:
            flat = np.frombuffer(buffer, np.uint8, offset=HEADER)
            for start in range(0, max(1, self.count), BLOCK):
                block = flat[start * height * width : (start + BLOCK) * height * width]
                block[:] = block.reshape(-1, height, width).swapaxes(1, 2).ravel()
            del flat, block  # the buffer is theirs as long as they live
        self.size = (width, height)

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Leave only some images, in the order of their numbers, in place."""
        order = np.concatenate([rows, np.setdiff1d(np.arange(self.count), rows)]).tolist()
        with self._file.getbuffer() as buffer:
            array = np.frombuffer(buffer, np.uint8, offset=HEADER).reshape(self.count, int(np.prod(self.size)))
            for start in range(self.count):
                moved, at = array[start].copy(), start
                while order[at] != start:  # along a cycle, each image to the place of the one before
                    array[at] = array[order[at]]
                    order[at], at = at, order[at]
                array[at] = moved
                order[at] = at
            del array
        self.count = len(rows)
        self._file.truncate(HEADER + self.count * int(np.prod(self.size)))

    def equal(self, blocks: Iterable[NDArray[np.uint8]]) -> bool:
        """Tell whether these images are those of some blocks."""
        array, start = self.array(), 0
        for block in blocks:
            if not np.array_equal(array[start : start + len(block)], block):
                return False
            start += len(block)
        return start == self.count

    def at(self, rows: NDArray[np.intp]) -> "Images":
        """Return some images, in the order of their numbers."""
        array = self.array()
        picked = (array[rows[start : start + BLOCK]] for start in range(0, max(1, len(rows)), BLOCK))
        return Images(self._budget).extend(picked, len(rows))


def drawn(labels: NDArray[np.generic], with_test: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], list[str]]:
    """Return the numbers of the training images, mixed, and of the test images, a share of each class, and notes.

    No image tests where test images come along, `with_test`.
    """
    order = np.random.default_rng(SEED).permutation(len(labels))  # folders come class by class
    if with_test:
        return order, order[:0], []
    mixed = labels[order]
    of_class = [np.flatnonzero(mixed == label) for label in np.unique(mixed)]
    test = np.sort(np.concatenate([rows[: max(1, round(len(rows) * TEST_SHARE))] for rows in of_class]))
    note = f"no test images come along: {len(test):,} of {len(labels):,}, drawn from each class by seed {SEED}, test"
    return np.delete(order, test), order[test], [note]
