"""Arrays of images and labels as people save them, made into the bytes of IDX."""

import io
import pickle
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.data import idx

Array = NDArray[Any]

PARTS = {
    "train": {"train", "training"},
    "test": {"test", "testing", "t10k"},
    "validation": {"val", "valid", "validation"},
}
KINDS = {"images": {"x", "image", "images", "imgs", "data"}, "labels": {"y", "label", "labels", "targets", "target"}}
PART_WORDS = set().union(*PARTS.values())
ROLE_WORDS = PART_WORDS.union(*KINDS.values(), {"idx1", "idx3", "ubyte", "gz", "npz"})


def role(name: str) -> tuple[str, str] | None:
    """Return part and kind of an array by its path in an archive, as in `x_train.npy`, `MNIST.npz/train_images.npy`.

    A single array of an .npz without a name, `kmnist-train-imgs.npz/arr_0.npy`, has that of its file. None where the
    name does not say both.
    """
    *outer, last = name.lower().removesuffix(".npy").split("/")
    words = set(re.findall("[a-z0-9]+", last))
    if re.fullmatch(r"arr_[01]", last) and outer:
        words = set(re.findall("[a-z0-9]+", outer[-1].removesuffix(".npz")))
        if not any(words & named for named in KINDS.values()):
            words.add("y" if last == "arr_1" else "x")
    parts = [part for part, named in PARTS.items() if words & named]
    kinds = [kind for kind, named in KINDS.items() if words & named]
    return (parts[0], kinds[0]) if len(parts) == len(kinds) == 1 else None


def as_images(array: Array, scale: float | None, grey: bool) -> NDArray[np.uint8]:
    """Return grey images as bytes (n, height, width), values from 0 to `scale` brought to 0 to 255.

    An axis of length 1 is left out, square images in one row are folded, black and white are 0 and 255; colour becomes
    grey by ITU-R 601 where `grey` says so. Raises UserError saying what was found, and what is allowed.
    """
    found = _found(array)
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[..., 0] if array.shape[3] == 1 else array[:, 0]
    if array.ndim == 4 and 3 in (array.shape[1], array.shape[3]):
        array = array if array.shape[3] == 3 else np.moveaxis(array, 1, 3)
        if (array == array[..., :1]).all():
            array = array[..., 0]
        elif grey:
            luminance = array @ np.array([0.299, 0.587, 0.114])
            array = np.rint(luminance) if (array == np.rint(array)).all() else luminance
    side = round(array.shape[1] ** 0.5) if array.ndim == 2 else 0
    if side > 1 and side**2 == array.shape[1]:
        array = array.reshape(-1, side, side)
    if array.ndim != 3:
        colour = "; colour images? make them grey first, or set fetch.grey: true" if array.ndim == 4 else ""
        raise UserError(f"{found}; needed are {idx.WANTED[3]}{colour}")
    if array.dtype == bool:
        return array * np.uint8(255)
    if scale is not None:
        _check_range(_numbers(array, found), scale)
        return np.rint(array * (255 / scale)).astype(np.uint8)
    return as_bytes(array, found)


def as_labels(array: Array) -> Array:
    """Return labels (n,), whole numbers or strings; rows with a single 1 are the place of that 1.

    Raises UserError saying what was found, and what is allowed.
    """
    found = _found(array)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    one_hot = array.ndim == 2 and array.dtype.kind in "biuf" and np.isin(array, (0, 1)).all()
    if one_hot and (array.sum(axis=1) == 1).all():
        array = array.argmax(axis=1)
    if array.ndim != 1:
        raise UserError(f"{found}; needed are {idx.WANTED[1]}")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind == "U":
        return array
    return as_bytes(array, found)


def as_bytes(array: Array, found: str) -> NDArray[np.uint8]:
    """Return whole numbers from 0 to 255 as unsigned bytes. Raises UserError for others."""
    numbers = _numbers(array, found)
    if not np.array_equal(numbers, np.rint(numbers)):
        cure = "; fetch.scale: 1 takes fractions from 0 to 1" if numbers.min() >= 0 and numbers.max() <= 1 else ""
        raise UserError(f"{found}, with fractions; needed are whole numbers from 0 to 255{cure}")
    _check_range(numbers, 255)
    return numbers.astype(np.uint8)


def _found(array: Array) -> str:
    return f"found {array.dtype} of shape {'x'.join(map(str, array.shape))}"


def _numbers(array: Array, found: str) -> Array:
    if array.dtype.kind not in "iuf":
        raise UserError(f"{found}; needed are whole numbers from 0 to 255, uint8")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UserError(f"{found} with {'NaN' if np.isnan(array).any() else 'infinity'}; needed are numbers")
    return array


def _check_range(numbers: Array, highest: float) -> None:
    outside = np.argwhere((numbers < 0) | (numbers > highest))
    if len(outside):
        place = tuple(map(int, outside[0]))
        top = 65535 if numbers.dtype == np.uint16 else numbers.max()  # of sixteen bits, not of these images
        cure = f"; fetch.scale: {top:g} takes 0 to {top:g}" if numbers.ndim == 3 and numbers.min() >= 0 else ""
        raise UserError(f"found {numbers[place]:g} at {list(place)}; allowed are 0 to {highest:g}{cure}")


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


def from_pickle(content: bytes) -> dict[tuple[str, str], Array]:
    """Return MNIST from three pairs of images float32 k/256 (n, 784) and labels: 50,000 + 10,000 + 10,000, in order."""
    pairs = NumpyUnpickler(io.BytesIO(content), encoding="latin1").load()
    images, labels = zip(*pairs, strict=True)
    grey = [part * 256 for part in images]
    if not all(np.array_equal(part, np.rint(part)) and part.min() >= 0 and part.max() <= 255 for part in grey):
        raise ValueError("its pixels are not whole numbers from 0 to 255, over 256")
    pixels = [part.astype(np.uint8).reshape(-1, 28, 28) for part in grey]
    digits = [part.astype(np.uint8) for part in labels]
    return {
        ("train", "images"): np.concatenate(pixels[:2]),
        ("train", "labels"): np.concatenate(digits[:2]),
        ("test", "images"): pixels[2],
        ("test", "labels"): digits[2],
    }
