"""Tables of pixels as Kaggle has them: a row an image, its label first."""

import csv
import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.sources.archives import Contents, brief
from pipeline.sources.arrays import PARTS
from pipeline.sources.budget import KEPT, Budget
from pipeline.sources.images import TURNED, Images
from pipeline.sources.saved import Array, Saved, in_memory
from pipeline.sources.unpacking import uncompressed

PIECE = 2**23  # bytes of whole lines that pandas reads at once
LINE = 2**19  # bytes: 128x128 numbers of 30 digits
LABEL_NAMES = ("label", "labels", "class", "target", "y")
ROW_NUMBERS = ("", "id", "index", "unnamed: 0")  # of a first column, as pandas and Kaggle name it
LONGEST_LABEL = 100  # letters: NumPy takes room for the longest at each label
MOST_LABELS = 1000  # different ones

Part = tuple[Images, Array]  # images and their labels
Convert = Callable[[Saved, int], Iterator[NDArray[np.uint8]]]  # to bytes, with how many images came before


@dataclass(frozen=True)
class Columns:
    """What the first line of a table says."""

    count: int
    names: list[str]  # none, where the first line is an image
    label: int | None  # the label's column; None where there is none
    pixels: list[int]

    @property
    def side(self) -> int:
        """Return the height of an image, which is its width."""
        return math.isqrt(len(self.pixels))


def part_of(path: str) -> str | None:
    """Return the part that a table's name says: train, test, validation or none; None where it is no table."""
    name = path.rsplit("/")[-1].lower()
    if not name.endswith((".csv", ".csv.gz")) or name.startswith("."):
        return None
    words = set(re.findall("[a-z0-9]+", name))
    return next((part for part, names in PARTS.items() if words & names), "")


def survey(members: Contents, budget: Budget) -> tuple[dict[str, Columns], list[UserError]]:
    """Return the tables of pixels by their path, and what is wrong with the other tables."""
    fitting, refused = {}, []
    for path in members:
        if part_of(path) is not None:
            try:
                with members[path]() as file:
                    fitting[path] = columns_of(next(_pieces(uncompressed(path, file, budget)), b""))
            except UserError as error:
                refused.append(UserError(f"{path}: {error}"))
            except Exception as error:  # whatever a damaged table makes its reader raise
                refused.append(UserError(f"{path} is not readable as a table: {brief(error)}"))
    return fitting, refused


def columns_of(content: bytes) -> Columns:
    """Return what the columns of a table are, by its first lines. Raises UserError where they are no image's."""
    lines = content.lstrip(b"\r\n").split(b"\n", 1)
    names = _cells(lines[0])
    # one word alone is a label
    named = sum(not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", name) for name in names) > 1
    lower = [name.lower() for name in names] if named else [""]
    pixels = list(range(len(names)))
    if lower[0] in ROW_NUMBERS and named:
        pixels = pixels[1:]
    label = next((lower.index(name) for name in LABEL_NAMES if name in lower), None)
    if label is None and pixels and math.isqrt(len(pixels) - 1) ** 2 == len(pixels) - 1:
        label = pixels[0]
        if _is_last(lines[1] if named and len(lines) > 1 else content):
            label = pixels[-1]
    pixels = [number for number in pixels if number != label]
    if math.isqrt(len(pixels)) < 2 or math.isqrt(len(pixels)) ** 2 != len(pixels):
        raise UserError(f"{len(names)} columns; needed are a label and the pixels of a square image, as 785")
    return Columns(len(names), names if named else [], label, pixels)


def _is_last(content: bytes) -> bool:
    """Tell whether a label without a name is last: where the first column never changes, and the last one does."""
    lines = [line.strip() for line in content.split(b"\n") if line.strip()]
    firsts, lasts = {line.split(b",", 1)[0] for line in lines}, {line.rsplit(b",", 1)[-1] for line in lines}
    return len(firsts) < 2 <= len(lasts)


def _cells(line: bytes) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line.decode("utf-8-sig")]), [])]


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield a text in pieces of whole lines: pandas would take many times a line's bytes, whatever its length."""
    rest = b""
    while piece := file.read(PIECE):
        lines, newline, rest = (rest + piece).rpartition(b"\n")
        if lines.strip():
            yield lines + newline
        if len(rest) > LINE:
            raise UserError(f"a line of more than {LINE:,} bytes; needed are a label and the pixels of an image a line")
    if rest.strip():
        yield rest


def _frames(file: BinaryIO, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield some rows after the others. Raises UserError where they are not as long as the first."""
    for number, piece in enumerate(_pieces(file)):
        first = len(_cells(piece.lstrip(b"\r\n").split(b"\n", 1)[0]))
        if first != columns.count:
            raise UserError(f"a line of {first} columns; the first has {columns.count}")
        skipped = int(bool(columns.names) and not number)
        if skipped and not piece.split(b"\n", 1)[-1].strip():
            continue
        yield pd.read_csv(
            io.BytesIO(piece), header=None, skiprows=skipped, keep_default_na=False, low_memory=False,
            dtype={} if columns.label is None else {columns.label: str},
        )  # fmt: skip


def read_table(file: BinaryIO, columns: Columns, label: int, convert: Convert, budget: Budget) -> Part:
    """Return images and their labels, whole numbers or strings. Raises UserError naming what does not fit."""
    images, codes = Images(budget), []
    numbers: dict[str, int] = {}  # of each label that there is
    first: set[Any] = set()  # what stands in the first column, where the last has the label
    for frame in _frames(file, columns):
        kinds = frame.dtypes.tolist()
        wrong = [number for number in columns.pixels if kinds[number].kind not in "iuf"]
        if wrong:
            name = columns.names[wrong[0]] if columns.names else wrong[0] + 1
            raise UserError(f"column {name} holds something else than numbers")
        if not columns.names and label:
            first |= set(frame[0].unique()[:2])
            if len(first) > 1:
                raise UserError("its labels may stand first or last; name the columns in a first line")
        found, texts = pd.factorize(frame[label].str.strip())
        for text in texts:
            if len(text) > LONGEST_LABEL or len(numbers) > MOST_LABELS:
                raise UserError(f"found {text[:40]!r} as a label; needed are short names, at most 100 different ones")
            numbers.setdefault(text, len(numbers))
        codes.append(np.array([numbers[text] for text in texts], np.int16)[found])
        budget.spend(KEPT, codes[-1].nbytes)
        pixels = frame.drop(columns=frame.columns.difference(columns.pixels)).to_numpy()
        images.extend(convert(in_memory(pixels.reshape(-1, columns.side, columns.side)), images.count))
    if not codes:
        raise UserError("a table without images")
    whole = all(re.fullmatch(r"\d{1,9}", name) for name in numbers)
    names = np.array([int(name) for name in numbers] if whole else list(numbers))
    budget.spend(KEPT, names.itemsize * images.count)
    return images, names[np.concatenate(codes)]


def read(
    members: Contents, tables: dict[str, Columns], budget: Budget, convert: Convert
) -> tuple[dict[str, Part], list[str]]:
    """Return images and labels by part, "train" where a table's name says none, and notes.

    A table without labels is passed over, and EMNIST's images, which lie on their side, are turned. Raises UserError
    naming a table that does not fit, or two of one part.
    """
    parts: dict[str, Part] = {}
    notes: list[str] = []
    for path, columns in tables.items():
        part = part_of(path) or "train"
        if columns.label is None:
            notes.append(f"{path} has no labels, and is passed over")
            continue
        if part in parts:
            raise UserError(f"{path} and another table of the same part lie there; keep each in a place of its own")
        try:
            with members[path]() as file:
                unpacked = uncompressed(path, file, budget)
                parts[part] = read_table(unpacked, columns, columns.label, convert, budget)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except Exception as error:  # whatever a damaged table makes its reader raise
            raise UserError(f"{path} is not readable as a table: {brief(error)}") from None
        if "emnist" in path.lower():
            parts[part][0].turn()
            notes.append(f"{path}: {TURNED}")
    return parts, notes
