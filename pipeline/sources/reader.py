"""The data set that lies in a place, whatever its form: as the four arrays of IDX and the names of its classes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.paths import CLASS_NAMES
from pipeline.data import idx
from pipeline.sources import archives, arrays, pickled, saved, unpacking
from pipeline.sources.images import BLOCK, TURNED, Images, drawn
from pipeline.sources.raw import IDX_NAME, Conversion, Raw
from pipeline.sources.saved import Array

FILES = dict(
    zip([("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels")], idx.FILES, strict=True)
)
ASIDE = (".csv", ".csv.gz", ".png", ".jpg", ".jpeg", ".bmp")
MAPPING = re.compile(r"(?:(.+)-)?mapping\.txt", re.IGNORECASE)  # of EMNIST: a class and its character's number a line
TEXT = 2**20  # bytes of a file of class names


@dataclass(frozen=True)
class Found:
    """A data set: the bytes of IDX files by their names, as many of the four as there are."""

    contents: dict[str, bytes]
    classes: list[str] | None
    notes: list[str]
    others: list[str]

    @property
    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Return the arrays uint8 in the files, by the names of these, read-only."""
        return {name: idx.decode(content, name, content[3]) for name, content in self.contents.items()}


def read(place: Path, scale: float | None = None, grey: bool = False, size: tuple[int, int] | None = None) -> Found:
    """Return the data set in a folder or an archive: values from 0 to `scale` brought to 0 to 255, colour made grey.

    Images are brought to a size (height, width). Where no test images come along, a share of the others is drawn.

    Raises UserError naming the file that cannot be read, or the two of which only one can be meant.
    """
    raw = Raw(Conversion(scale, grey, size))
    with archives.opened(place, raw.conversion.budget) as members:
        for path, content in members.items():
            with _told(place, path):
                _take(raw, path, content)
        if not raw.places:
            with _told(place):
                _take_tables_or_pictures(raw, members)
        elif aside := [path for path in raw.others if path.lower().endswith(ASIDE)]:
            raw.notes.append(
                f"IDX files or arrays are read; other images are not: {', '.join(aside[:3])} ({len(aside)})"
            )
    if not raw.places and raw.others == [place.name] and place.is_file():
        raise UserError(f"{place}: neither a folder, a zip, a tar nor one of {', '.join(idx.FILES)}; or damaged")
    _join_validation(raw)
    _name_by_strings(raw)
    contents = {(part, "images"): images.content() for part, images in raw.images.items()}
    contents |= {(part, "labels"): idx.encode(labels) for part, labels in raw.labels.items()}
    return Found(
        {FILES[role]: contents[role] for role in FILES if role in contents}, raw.classes, raw.notes, raw.others
    )


@contextmanager
def _told(place: Path, path: str = "") -> Iterator[None]:
    """Name the place and the file in whatever goes wrong."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{place}: {path}{': ' if path else ''}{error}") from None
    except Exception as error:  # whatever a damaged archive makes its reader raise
        raise UserError(f"{place}: {path} is not readable: {archives.brief(error)}") from None


def _take(raw: Raw, path: str, content: Callable[[], BinaryIO]) -> None:
    """Keep what one file holds, if it is a part of a data set."""
    name = path.rsplit("/")[-1]
    if match := IDX_NAME.fullmatch(name):
        emnist = (match[1] or "").lower().startswith("emnist") and match[3].lower() == "images"
        with content() as file:
            unpacked = unpacking.uncompressed(name, file, raw.conversion.budget)
            part, kind = "train" if match[2].lower() == "train" else "test", match[3].lower()
            raw.add((part, kind), saved.idx_file(unpacked, 3 if kind == "images" else 1), path, turned=emnist)
        if emnist:
            raw.notes.append(f"{name}: {TURNED}")
    elif name.removesuffix(".gz") == "mnist.pkl":
        for role, array in pickled.pairs(name, content, raw.conversion.budget):
            raw.add(role, array, path)
    elif name == CLASS_NAMES:
        raw.classes = _lines(content)
    elif MAPPING.fullmatch(name) and all(map(re.compile(r"\d+( \d{2,3})+").fullmatch, lines := _lines(content))):
        raw.classes = raw.classes or [chr(int(line.split()[1])) for line in lines]
    elif name == "class_names.npy":  # in an .npz
        with content() as file:
            array = saved.npy(file)
            if array.size > TEXT:
                raise UserError(f"{array.found}; allowed are {TEXT:,} bytes of names")
            names = np.concatenate([block.ravel() for block in array.blocks])
        names = np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names
        raw.classes = [str(name) for name in names]
    elif name.endswith(".npy") and (named := arrays.role(path)):
        with content() as file:
            raw.add(named, saved.npy(file), path)
    else:
        raw.others.append(path)


def _take_tables_or_pictures(raw: Raw, members: archives.Contents) -> None:
    """Keep what tables of pixels or folders of pictures hold; pictures, where a table holds something else."""
    from pipeline.sources import pictures, tables  # load Pillow and pandas, which IDX files need not wait for

    scale, grey, size, budget = (getattr(raw.conversion, key) for key in ("scale", "grey", "size", "budget"))
    fitting, refused = tables.survey(members, budget)
    if fitting:
        parts, notes = tables.read(members, fitting, budget, raw.conversion.images)
        _draw_test(raw, parts)
        notes += [f"passed over: {error}" for error in refused]
    elif pictured := pictures.read(members, budget, scale, grey, size):
        parts, raw.classes, notes = pictured
        notes += [f"pictures are read, and no table: {error}" for error in refused]
    elif refused:
        raise refused[0]
    else:
        return
    raw.notes += notes
    if "train" not in parts:
        raise UserError("no training images with labels found")
    for part, (images, labels) in parts.items():
        raw.images[part], raw.labels[part] = images, labels
        raw.places[part, "images"] = raw.places[part, "labels"] = f"{part} images"


def _draw_test(raw: Raw, parts: dict[str, tuple[Images, Array]]) -> None:
    """Mix training images, and draw a share of them to test where no test images come along."""
    if "train" in parts:
        images, labels = parts["train"]
        rows, test, notes = drawn(labels, "test" in parts)
        raw.notes += notes
        if len(test):
            parts["test"] = images.at(test), labels[test]
        images.keep(rows)
        parts["train"] = images, labels[rows]


def _lines(content: Callable[[], BinaryIO]) -> list[str]:
    with content() as file:
        text = file.read(TEXT)
    try:
        return [line.strip() for line in text.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text: {error}") from None


def _join_validation(raw: Raw) -> None:
    """Put validation images of the data set's own to its training images: prepare splits anew."""
    train, more = raw.images.get("train"), raw.images.pop("validation", None)
    labels = raw.labels.pop("validation", None)
    if train is None or more is None or labels is None or "train" not in raw.labels:
        return
    if train.size != more.size:
        raw.notes.append(f"its {more.count:,} validation images are left out: they are of another shape")
        return
    array = more.array()
    train.extend(array[start : start + BLOCK] for start in range(0, len(array), BLOCK))
    raw.labels["train"] = np.concatenate([raw.labels["train"], labels])
    raw.notes.append(f"its {more.count:,} validation images join the training images; prepare splits anew")


def _name_by_strings(raw: Raw) -> None:
    """Replace labels that are strings by their numbers in the order of the strings, which then name the classes."""
    words = [part for part, labels in raw.labels.items() if labels.dtype.kind == "U"]
    if words:
        names = sorted({str(label) for part in words for label in np.unique(raw.labels[part])})
        for part in words:
            raw.labels[part] = np.searchsorted(names, raw.labels[part])
        raw.classes = raw.classes or names
    for part, labels in raw.labels.items():
        raw.labels[part] = arrays.as_labels(saved.in_memory(labels), raw.conversion.budget)
