"""The data set that lies in a place, whatever its form: as the four arrays of IDX and the names of its classes."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.paths import CLASS_NAMES
from pipeline.data import idx
from pipeline.sources import archives, arrays
from pipeline.sources.arrays import Array

# MNIST's own names, with a dot as Kaggle has them, and with the name of the split before them, as EMNIST has them
IDX_NAME = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[13][-.]ubyte(?:\.gz)?", re.IGNORECASE)
FILES = dict(
    zip([("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels")], idx.FILES, strict=True)
)
TEST_SHARE = 1 / 7  # MNIST's own
ASIDE = (".csv", ".csv.gz", ".png", ".jpg", ".jpeg", ".bmp")
SEED = 0  # draws that share, and the order of pictures
Role = tuple[str, str]  # part and kind: train, validation or test, images or labels


def origin(path: str) -> str:
    """Return which data set a file is of: its path, and of names that tell a part the words that do not."""
    *folders, name = path.split("/")
    rest = []
    for step in [*folders, name] if IDX_NAME.fullmatch(name) else folders:
        words = re.findall("[a-z0-9]+", step.lower())
        told = not set(words).isdisjoint(arrays.PART_WORDS)
        rest.append("-".join(word for word in words if word not in arrays.ROLE_WORDS) if told else step)
    return "/".join(filter(None, rest))


@dataclass
class Raw:
    """What lies in a place, as it was saved."""

    arrays: dict[Role, Array] = field(default_factory=dict)
    places: dict[Role, str] = field(default_factory=dict)
    classes: list[str] | None = None
    notes: list[str] = field(default_factory=list)  # what is to be said of them
    others: list[str] = field(default_factory=list)  # files that are no part of a data set
    scaled: bool = False  # pictures are, each by itself, since some have 16 bits

    def add(self, role: Role, array: Array, path: str) -> None:
        """Keep an array. Raises UserError where it is of another data set than those that are kept."""
        if role in self.arrays:
            if not np.array_equal(self.arrays[role], array):
                raise UserError(f"and {self.places[role]} are of two data sets; keep each in a place of its own")
            return
        for other in self.places.values():
            if origin(other) != origin(path):
                raise UserError(f"and {other} are of two data sets; keep each in a place of its own")
        self.arrays[role] = array
        self.places[role] = path


@dataclass(frozen=True)
class Found:
    """A data set: arrays uint8 by the names of IDX, as many of the four as there are."""

    arrays: dict[str, NDArray[np.uint8]]
    classes: list[str] | None
    notes: list[str]
    others: list[str]


def read(place: Path, scale: float | None = None, grey: bool = False, size: tuple[int, int] | None = None) -> Found:
    """Return the data set in a folder or an archive: values from 0 to `scale` brought to 0 to 255, colour made grey.

    Pictures are brought to a size (height, width). Where no test images come along, a share of the others is drawn.

    Raises UserError naming the file that cannot be read, or the two of which only one can be meant.
    """
    raw = Raw()
    with archives.opened(place) as members:
        for path, content in members.items():
            with _told(place, path):
                _take(raw, path, content)
        if not raw.arrays:
            with _told(place):
                _take_pictures_or_tables(raw, members, scale, grey, size)
        elif aside := [path for path in raw.others if path.lower().endswith(ASIDE)]:
            raw.notes.append(
                f"IDX files or arrays are read; other images are not: {', '.join(aside[:3])} ({len(aside)})"
            )
    if not raw.arrays and raw.others == [place.name] and place.is_file():
        raise UserError(f"{place}: neither a folder, a zip, a tar nor one of {', '.join(idx.FILES)}; or damaged")
    _join_validation(raw)
    clean = {}
    for role, array in raw.arrays.items():
        with _told(place, raw.places[role]):
            images = role[1] == "images"
            clean[role] = (
                arrays.as_images(array, None if raw.scaled else scale, grey) if images else arrays.as_labels(array)
            )
    _name_by_strings(raw, clean)
    return Found({FILES[role]: clean[role] for role in FILES if role in clean}, raw.classes, raw.notes, raw.others)


@contextmanager
def _told(place: Path, path: str = "") -> Iterator[None]:
    """Name the place and the file in whatever goes wrong."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{place}: {path}{': ' if path else ''}{error}") from None
    except Exception as error:  # whatever a damaged archive makes its reader raise
        raise UserError(f"{place}: {path} is not readable: {archives.brief(error)}") from None


def _take(raw: Raw, path: str, content: Callable[[], bytes]) -> None:
    """Keep what one file holds, if it is a part of a data set."""
    name = path.rsplit("/")[-1]
    if match := IDX_NAME.fullmatch(name):
        split, part, kind = (match[1] or "").lower(), match[2].lower(), match[3].lower()
        array = idx.decode(archives.uncompressed(name, content()), "IDX", 3 if kind == "images" else 1)
        if split.startswith("emnist") and kind == "images":
            array = array.transpose(0, 2, 1)
            raw.notes.append(f"{name}: EMNIST's images lie on their side, and are turned")
        raw.add(("train" if part == "train" else "test", kind), array, path)
    elif name.removesuffix(".gz") == "mnist.pkl":
        for pickled, array in arrays.from_pickle(archives.uncompressed(name, content())).items():
            raw.add(pickled, array, path)
    elif name == CLASS_NAMES:
        raw.classes = _lines(content())
    elif name == "class_names.npy":  # in an .npz
        names = np.load(io.BytesIO(content()), allow_pickle=False)
        names = np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names
        raw.classes = [str(name) for name in names.ravel()]
    elif name.endswith(".npy") and (role := arrays.role(path)):
        raw.add(role, np.load(io.BytesIO(content()), allow_pickle=False), path)
    else:
        raw.others.append(path)


def _take_pictures_or_tables(
    raw: Raw, members: archives.Contents, scale: float | None, grey: bool, size: tuple[int, int] | None
) -> None:
    """Keep what tables of pixels or folders of pictures hold."""
    from pipeline.sources import pictures, tables  # load Pillow and pandas, which IDX files need not wait for

    if table := tables.read(members):
        found, notes = table
        raw.notes += notes
    elif pictured := pictures.read(members, scale, grey, size):
        found, raw.classes = pictured
        raw.scaled = True
    else:
        return
    for (part, kind), array in found.items():
        raw.arrays[part or "train", kind], raw.places[part or "train", kind] = array, f"{part or 'training'} {kind}"
    if ("train", "labels") not in raw.arrays:
        raise UserError("no training images with labels found")
    order = np.random.default_rng(SEED).permutation(len(raw.arrays["train", "labels"]))  # folders come class by class
    labels = raw.arrays["train", "labels"][order]
    test: NDArray[np.intp] = np.empty(0, np.intp)
    if ("test", "labels") not in raw.arrays:
        of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        test = np.sort(np.concatenate([rows[: max(1, round(len(rows) * TEST_SHARE))] for rows in of_class]))
        raw.notes.append(
            f"no test images come along: {len(test):,} of {len(labels):,}, drawn from each class by seed {SEED}, test"
        )
    for kind in ("images", "labels"):
        array = raw.arrays["train", kind][order]
        if len(test):
            raw.arrays["test", kind], raw.places["test", kind] = array[test], f"test {kind}"
        raw.arrays["train", kind] = np.delete(array, test, axis=0)


def _lines(content: bytes) -> list[str]:
    try:
        return [line.strip() for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text: {error}") from None


def _join_validation(raw: Raw) -> None:
    """Put validation images of the data set's own to its training images: prepare splits anew."""
    kinds = ("images", "labels")
    if not all((part, kind) in raw.arrays for part in ("train", "validation") for kind in kinds):
        return
    pairs = {kind: (raw.arrays["train", kind], raw.arrays["validation", kind]) for kind in kinds}
    count = len(pairs["labels"][1])
    if any(ours.shape[1:] != theirs.shape[1:] for ours, theirs in pairs.values()):
        raw.notes.append(f"its {count:,} validation images are left out: they are of another shape")
        return
    raw.arrays |= {("train", kind): np.concatenate(pair) for kind, pair in pairs.items()}
    raw.notes.append(f"its {count:,} validation images join the training images; prepare splits anew")


def _name_by_strings(raw: Raw, clean: dict[Role, Array]) -> None:
    """Replace labels that are strings by their numbers in the order of the strings, which then name the classes."""
    roles = [role for role in clean if role[1] == "labels" and clean[role].dtype.kind == "U"]
    if roles:
        names = sorted({str(label) for role in roles for label in clean[role]})
        for role in roles:
            clean[role] = np.searchsorted(names, clean[role]).astype(np.uint8)
        raw.classes = raw.classes or names
