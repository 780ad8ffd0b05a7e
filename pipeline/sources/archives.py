"""What a folder or an archive holds of a data set: IDX files, Keras's arrays, a pickle, class names."""

import gzip
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.paths import CLASS_NAMES
from pipeline.data import idx

KERAS_ARRAYS = dict(zip(["x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"], idx.FILES, strict=True))


def read(place: Path) -> dict[str, bytes]:
    """Return the IDX files, uncompressed, and the class names that a folder or an archive holds: zip, tar, npz or gz.

    Raises UserError naming the file that cannot be read.
    """
    found: dict[str, bytes] = {}
    if not place.exists():
        raise UserError(f"{place}: not found")
    for name, content in _members(place):
        try:
            if name.removesuffix(".gz") in idx.FILES:
                found[name.removesuffix(".gz")] = _uncompressed(name, content())
            elif name in KERAS_ARRAYS:
                array = np.load(io.BytesIO(content()), allow_pickle=False)
                found[KERAS_ARRAYS[name]] = idx.encode(_as_bytes(array, 3 if name.startswith("x") else 1))
            elif name == CLASS_NAMES:
                found[CLASS_NAMES] = content()
            elif name == "class_names.npy":  # in an .npz
                names = np.load(io.BytesIO(content()), allow_pickle=False)
                names = np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names
                found[CLASS_NAMES] = "\n".join(map(str, names.ravel())).encode()
            elif name.removesuffix(".gz") == "mnist.pkl":
                found |= _from_pickle(_uncompressed(name, content()))
        except UserError as error:
            raise UserError(f"{place}: {name}: {error}") from None
        except Exception as error:  # whatever a damaged archive makes its reader raise
            raise UserError(f"{place}: {name} is not readable: {brief(error)}") from None
    return found


def _as_bytes(array: NDArray[Any], dimensions: int) -> NDArray[np.uint8]:
    """Return whole numbers from 0 to 255 as unsigned bytes, a last axis of length 1 left out.

    Raises UserError for images in colour, for fractions, and for numbers that a byte does not hold.
    """
    if array.ndim == dimensions + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    found = f"found {array.dtype} of shape {'x'.join(map(str, array.shape))}"
    if array.ndim != dimensions:
        colour = "; colour images? make them grey first" if array.ndim == 4 else ""
        raise UserError(f"{found}; needed are {idx.WANTED[dimensions]}{colour}")
    if not np.issubdtype(array.dtype, np.integer):
        holes = " with NaN" if np.issubdtype(array.dtype, np.floating) and np.isnan(array).any() else ""
        raise UserError(f"{found}{holes}; needed are whole numbers from 0 to 255, uint8")
    outside = np.argwhere((array < 0) | (array > 255))
    if len(outside):
        place = tuple(map(int, outside[0]))
        raise UserError(f"found {array[place]} at {list(place)}; allowed are 0 to 255")
    return array.astype(np.uint8)


class NumpyUnpickler(pickle.Unpickler):
    """Loads arrays and nothing else: a pickle could otherwise run any code."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function that the pickle names, if it belongs to rebuilding an array."""
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
            case "numpy", ("ndarray" | "dtype"):
                return getattr(np, name)
        raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}; only numpy arrays are allowed")


def _from_pickle(content: bytes) -> dict[str, bytes]:
    """Return MNIST from three pairs of images float32 k/256 (n, 784) and labels: 50,000 + 10,000 + 10,000, in order."""
    pairs = NumpyUnpickler(io.BytesIO(content), encoding="latin1").load()
    images, labels = zip(*pairs, strict=True)
    grey = [part * 256 for part in images]
    if not all(np.array_equal(part, np.rint(part)) and part.min() >= 0 and part.max() <= 255 for part in grey):
        raise ValueError("its pixels are not whole numbers from 0 to 255, over 256")
    pixels = [part.astype(np.uint8).reshape(-1, 28, 28) for part in grey]
    digits = [part.astype(np.uint8) for part in labels]
    arrays = [np.concatenate(pixels[:2]), np.concatenate(digits[:2]), pixels[2], digits[2]]
    return {name: idx.encode(array) for name, array in zip(idx.FILES, arrays, strict=True)}


def _members(place: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names and contents of the files in a folder or archive, or of the one file."""
    try:
        if place.is_dir():
            for path in sorted(place.iterdir()):
                yield path.name, path.read_bytes
        elif zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                for member in (info.filename for info in archive.infolist() if not info.is_dir()):
                    yield Path(member).name, lambda member=member: archive.read(member)  # type: ignore[misc]
        elif tarfile.is_tarfile(place):
            with tarfile.open(place) as tar:
                for info in filter(tarfile.TarInfo.isfile, tar):
                    yield Path(info.name).name, lambda info=info: tar.extractfile(info).read()  # type: ignore[misc, union-attr]
        elif place.name.removesuffix(".gz") in (*idx.FILES, "mnist.pkl"):
            yield place.name, place.read_bytes
        else:
            raise UserError(f"{place}: neither a folder, a zip, a tar nor one of {', '.join(idx.FILES)}; or damaged")
    except UserError:
        raise
    except Exception as error:  # as above
        raise UserError(f"{place}: not readable: {brief(error)}") from None


def _uncompressed(name: str, content: bytes) -> bytes:
    return gzip.decompress(content) if name.endswith(".gz") else content


def brief(error: BaseException) -> str:
    """Return an error's message on one line, or its name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
