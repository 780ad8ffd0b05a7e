"""Data that a network can learn in seconds, in every form that people bring, whole and damaged."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data import idx
from pipeline.data.prepared import Split


def synthetic_digits(count: int, seed: int) -> Split:
    """Ten classes of 28x28 images: a bright square at a place of its own for each, and noise."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = random.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 4 + 7 * (label // 4), 3 + 6 * (label % 4)
        image[row : row + 6, column : column + 5] += np.uint8(180)
    return Split(images, labels)


def bars(count: int, height: int = 28, width: int = 28) -> NDArray[np.uint8]:
    """A bright bar on black in each image, upright near the middle: about what a 1 is."""
    random = np.random.default_rng(0)
    images = np.zeros((count, height, width), np.uint8)
    for image in images:
        row, column = random.integers(height // 5, height // 4), random.integers(width // 3, width // 2)
        image[row : 3 * height // 4, column : column + width // 4] = random.integers(150, 256)
    return images


def contents_of(train: Split, test: Split) -> dict[str, bytes]:
    """The four IDX files of a data set."""
    arrays = [train.images, train.labels, test.images, test.labels]
    return {name: idx.encode(array) for name, array in zip(idx.FILES, arrays, strict=True)}


def write_idx(folder: Path, train: Split, test: Split) -> Path:
    """Write the four IDX files of a data set into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents_of(train, test).items():
        (folder / name).write_bytes(content)
    return folder


def write_gz(folder: Path, train: Split, test: Split) -> None:
    """Write the four IDX files of a data set into a folder, compressed one by one."""
    folder.mkdir()
    for name, content in contents_of(train, test).items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def write_zip(path: Path, train: Split, test: Split, compression: int = zipfile.ZIP_DEFLATED) -> None:
    """Write a zip of a folder with the four IDX files of a data set."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents_of(train, test).items():
            archive.writestr(f"data/{name}", content)


def write_npz(path: Path, train: Split, test: Split) -> None:
    """Write a data set as Keras keeps it."""
    with path.open("wb") as file:
        np.savez(file, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)


def cut(path: Path) -> None:
    """Leave only the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path, position: int | None = None, bits: int = 0xFF) -> None:
    """Flip bits of one byte of a file, of the middle one where no position is given."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= bits
    path.write_bytes(content)
