"""Tables of pixels as Kaggle has them: a row an image, its label first."""

import io
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.sources.archives import Contents, brief, uncompressed


def part_of(path: str) -> str | None:
    """Return the part that a table's name says: train, test or none; None where it is no table."""
    name = path.rsplit("/")[-1].lower()
    if not name.endswith((".csv", ".csv.gz")) or name.startswith("."):
        return None
    return "test" if "test" in name else "train" if "train" in name else ""


def read_table(path: str, content: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return images (n, side, side) and their labels, None where the table has none.

    Raises UserError naming what does not fit.
    """
    try:
        text = uncompressed(path, content)
        first = pd.read_csv(io.BytesIO(text), nrows=1, header=None, dtype=str)
        named = (~first.iloc[0].str.fullmatch(r"-?[\d.]+")).sum() > 1  # one alone is a label that is a word
        dtype = {"label": str} if named else None
        table = pd.read_csv(io.BytesIO(text), header=0 if named else None, dtype=dtype, keep_default_na=False)
    except Exception as error:  # whatever a damaged table makes its reader raise
        raise UserError(f"{path} is not readable as a table: {brief(error)}") from None
    columns = table.shape[1]
    labelled = "label" in table or math.isqrt(columns - 1) ** 2 == columns - 1
    side = math.isqrt(columns - labelled)
    if side < 2 or side**2 != columns - labelled:
        raise UserError(f"{path}: {columns} columns; needed are a label and the pixels of a square image, as 785")
    labels: NDArray[Any] | None = None
    if labelled:
        # without a name it is the first column, as Kaggle has it, or the last, where the first never changes
        first_varies = (table.iloc[:, 0] != table.iloc[0, 0]).any()
        column = table["label"] if "label" in table else table.iloc[:, 0 if first_varies else -1]
        labels = column.astype(str).to_numpy(str)
        table = table.drop(columns=column.name)
    wrong = [str(name) for name in table if table[name].dtype.kind not in "iuf"]
    if wrong:
        raise UserError(f"{path}: column {wrong[0]} holds something else than numbers")
    return table.to_numpy().reshape(-1, side, side), labels


def read(members: Contents) -> tuple[dict[tuple[str, str], NDArray[Any]], list[str]] | None:
    """Return images and labels by part and kind, part "" where there is one table, and notes; None without tables.

    A test table without labels is passed over. Raises UserError naming a table that does not fit, or two of one part.
    """
    tables = {path: part for path in members if (part := part_of(path)) is not None}
    if not tables:
        return None
    arrays: dict[tuple[str, str], NDArray[Any]] = {}
    notes: list[str] = []
    for path, part in tables.items():
        images, labels = read_table(path, members[path]())
        if labels is None:
            notes.append(f"{path} has no labels, and is passed over")
            continue
        if (part, "images") in arrays:
            raise UserError(f"{path} and another table of the same part lie there; keep each in a place of its own")
        arrays[part, "images"] = images
        arrays[part, "labels"] = labels.astype(np.int64) if np.char.isdigit(labels).all() else labels
    return arrays, notes
