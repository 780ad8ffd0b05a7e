"""MNIST as mnist.pkl has it, read without running what else a pickle may hold."""

import pickle
import pickletools
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from pipeline.sources.budget import UNPACKED, Budget
from pipeline.sources.saved import Saved, in_memory
from pipeline.sources.unpacking import counted, uncompressed

LIMIT = 230_000_000  # bytes of the pickle, and of its arrays: MNIST has 220 million
STEPS = 1000  # of a pickle: six arrays take about 200, and a million lists would take a GB
LONGEST_NAME = 1000  # bytes


def pairs(name: str, content: Callable[[], BinaryIO], budget: Budget) -> Iterator[tuple[tuple[str, str], Saved]]:
    """Yield MNIST by part and kind, from three pairs of images float32 k/256 (n, 784) and labels.

    They are 50,000 for training, 10,000 for validation, 10,000 for testing. Raises UnpicklingError or ValueError for
    any other pickle.
    """
    with content() as file, _limited(uncompressed(name, file, budget)) as unpacked:
        _check_steps(unpacked)
    with content() as file, _limited(uncompressed(name, file, budget)) as unpacked:
        train, validation, test = NumpyUnpickler(unpacked).load()
    for part, (images, labels) in (("train", train), ("validation", validation), ("test", test)):
        if not isinstance(images, _Array) or not isinstance(labels, _Array):
            raise pickle.UnpicklingError("something else than arrays; needed are three pairs of images and labels")
        saved = in_memory(images.view(np.ndarray))
        yield (part, "images"), Saved(saved.shape, saved.dtype, (block * 256 for block in saved.blocks))
        yield (part, "labels"), in_memory(labels.view(np.ndarray))


def _limited(file: BinaryIO) -> BinaryIO:
    budget = Budget()
    budget.limits[UNPACKED] = LIMIT
    return counted(file, budget)


def _check_steps(file: BinaryIO) -> None:
    """Raise UnpicklingError where the steps of a pickle would take more memory than its bytes."""
    for _ in range(STEPS):
        step = pickletools.code2op.get(file.read(1).decode("latin1"))  # type: ignore[attr-defined]
        if step is None:
            raise pickle.UnpicklingError("not a pickle, or damaged")
        if step.name == "STOP":
            return
        if step.name == "BINUNICODE":
            length = int.from_bytes(file.read(4), "little")
            file.read(min(length, LONGEST_NAME))
        elif step.arg:
            length = 0
            step.arg.reader(file)
        if length > LONGEST_NAME or step.name in ("UNICODE", "BINUNICODE8"):
            raise pickle.UnpicklingError("a long text; needed is a pickle of arrays")
    raise pickle.UnpicklingError(f"more than {STEPS:,} steps; needed is a pickle of six arrays")


class NumpyUnpickler(pickle.Unpickler):
    """Loads arrays and nothing else: a pickle could otherwise run any code."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin1")
        self.left = LIMIT

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function that the pickle names, if it belongs to rebuilding an array."""
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return self.empty
            case "numpy", "ndarray":
                return None  # only named, never called: an array could be asked for of any size
            case "numpy", "dtype":
                return np.dtype
        raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}; only numpy arrays are allowed")

    def empty(self, *_: object) -> "_Array":
        """Return an array that the pickle fills, once or more often."""
        array = np.ndarray.__new__(_Array, (0,), "b")
        array.pickle = self
        return array


class _Array(np.ndarray[Any, Any]):
    pickle: NumpyUnpickler

    def __setstate__(self, state: Any) -> None:
        self.pickle.left -= len(state[-1])
        if self.pickle.left < 0:
            raise pickle.UnpicklingError(f"more than {LIMIT:,} bytes of arrays")
        super().__setstate__(state)
