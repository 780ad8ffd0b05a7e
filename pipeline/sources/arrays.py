"""Arrays of images and labels as people save them, made into bytes block by block."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources.budget import KEPT, Budget
from pipeline.sources.saved import Array, Saved

MOST_LABELS = 10_000_000

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


def as_images(saved: Saved, scale: float | None, grey: bool, first: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield grey images as bytes (n, height, width), values from 0 to `scale` brought to 0 to 255.

    An axis of length 1 is left out, square images in one row are folded, black and white are 0 and 255; colour becomes
    grey by ITU-R 601 where `grey` says so. Raises UserError saying what was found, in which image, counted
    from `first`, and what is allowed.
    """
    blocks = iter(saved.blocks)
    for block in blocks:
        array = _without_channels(block, grey, whole=scale is None)
        side = round(array.shape[1] ** 0.5) if array.ndim == 2 else 0
        if side > 1 and side**2 == array.shape[1]:
            array = array.reshape(-1, side, side)
        if array.ndim != 3:
            colour = "; colour images? make them grey first, or set fetch.grey: true" if array.ndim == 4 else ""
            raise UserError(f"{saved.found}; needed are {idx.WANTED[3]}{colour}")
        if array.dtype == bool:
            yield array.astype(np.uint8) * np.uint8(255)
        elif scale is None:
            yield _as_bytes(array, saved.found, first, blocks)
        else:
            _check_numbers(array, saved.found)
            _check_range(array, scale, first, blocks)
            scaled = array * (255 / scale)
            yield np.rint(scaled, out=scaled).astype(np.uint8)
        first += len(block)


def as_labels(saved: Saved, budget: Budget) -> Array:
    """Return labels (n,), bytes or strings; rows with a single 1 are the place of that 1.

    Raises UserError saying what was found, and what is allowed.
    """
    if saved.shape and saved.shape[0] > MOST_LABELS:
        raise UserError(f"{saved.found}; allowed are {MOST_LABELS:,} labels")
    blocks, first, done = iter(saved.blocks), 0, []
    for block in blocks:
        done.append(_block_of_labels(block, saved.found, first, blocks))
        budget.spend(KEPT, done[-1].nbytes)
        first += len(block)
    return np.concatenate(done)


def _block_of_labels(array: Array, found: str, first: int, rest: Iterable[Array]) -> Array:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    one_hot = array.ndim == 2 and array.dtype.kind in "biuf" and np.isin(array, (0, 1)).all()
    if one_hot and (array.sum(axis=1) == 1).all():
        array = array.argmax(axis=1)
    if array.ndim != 1:
        raise UserError(f"{found}; needed are {idx.WANTED[1]}")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return array if array.dtype.kind == "U" else _as_bytes(array, found, first, rest)


def _without_channels(array: Array, grey: bool, whole: bool) -> Array:
    """Return images without an axis for channels, as far as nothing is lost, or as `grey` says."""
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        return array[..., 0] if array.shape[3] == 1 else array[:, 0]
    if array.ndim == 4 and 3 in (array.shape[1], array.shape[3]):
        array = array if array.shape[3] == 3 else np.moveaxis(array, 1, 3)
        if (array == array[..., :1]).all():
            return array[..., 0]
        if grey:
            luminance: Array = array @ np.array([0.299, 0.587, 0.114])
            return np.rint(luminance) if whole and (array == np.rint(array)).all() else luminance
    return array


def _as_bytes(array: Array, found: str, first: int, rest: Iterable[Array]) -> NDArray[np.uint8]:
    """Return whole numbers from 0 to 255 as unsigned bytes. Raises UserError for others."""
    if array.dtype == np.uint8:
        return array
    _check_numbers(array, found)
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        low, high = _extremes(array, rest)
        cure = "; fetch.scale: 1 takes fractions from 0 to 1" if low >= 0 and high <= 1 else ""
        raise UserError(f"{found}, with fractions; needed are whole numbers from 0 to 255{cure}")
    _check_range(array, 255, first, rest)
    return array.astype(np.uint8)


def _check_numbers(array: Array, found: str) -> None:
    if array.dtype.kind not in "iuf":
        raise UserError(f"{found}; needed are whole numbers from 0 to 255, uint8")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UserError(f"{found} with {'NaN' if np.isnan(array).any() else 'infinity'}; needed are numbers")


def _check_range(array: Array, highest: float, first: int, rest: Iterable[Array]) -> None:
    """Raise UserError for numbers that are out of range; the first of them is in the image number `first` or later."""
    outside = (array < 0) | (array > highest)
    if outside.any():
        place = tuple(map(int, np.unravel_index(outside.argmax(), outside.shape)))
        low, high = _extremes(array, rest)
        top = 65535 if array.dtype == np.uint16 else high  # of sixteen bits, not of these images
        cure = f"; fetch.scale: {top:g} takes 0 to {top:g}" if array.ndim == 3 and low >= 0 else ""
        where = [first + place[0], *place[1:]]
        raise UserError(f"found {array[place]:g} at {where}; allowed are 0 to {highest:g}{cure}")


def _extremes(array: Array, rest: Iterable[Array]) -> tuple[float, float]:
    """Return the lowest and the highest number of a block and of those after it."""
    ends = [(part.min(), part.max()) for part in chain([array], rest) if part.size]
    return min(low for low, _ in ends), max(high for _, high in ends)
