"""What was found in a place so far, and what is made of it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.sources import arrays
from pipeline.sources.budget import Budget
from pipeline.sources.images import Images
from pipeline.sources.saved import Array, Saved

# MNIST's own names, with a dot as Kaggle has them, and with the name of the split before them, as EMNIST has them
IDX_NAME = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[13][-.]ubyte(?:\.gz)?", re.IGNORECASE)
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


@dataclass(frozen=True)
class Conversion:
    """What images are to be made of those that lie there, and how many there may be."""

    scale: float | None
    grey: bool
    size: tuple[int, int] | None
    budget: Budget = field(default_factory=Budget)

    def images(self, array: Saved, first: int = 0) -> Iterator[NDArray[np.uint8]]:
        """Yield the images of an array, of which some may have come before."""
        blocks = arrays.as_images(array, self.scale, self.grey, first)
        if self.size is None:
            return blocks
        from pipeline.sources import pictures  # loads Pillow, which others need not wait for

        return pictures.all_fitted(blocks, self.size)


@dataclass
class Raw:
    """What was found in a place so far."""

    conversion: Conversion
    images: dict[str, Images] = field(default_factory=dict)  # by part
    labels: dict[str, Array] = field(default_factory=dict)
    places: dict[Role, str] = field(default_factory=dict)
    classes: list[str] | None = None
    notes: list[str] = field(default_factory=list)  # what is to be said of them
    others: list[str] = field(default_factory=list)  # files that are no part of a data set

    def add(self, role: Role, array: Saved, path: str, turned: bool = False) -> None:
        """Keep an array. Raises UserError where it is of another data set than those that are kept."""
        part, kind = role
        same = True
        for other in self.places.values() if role not in self.places else ():
            if origin(other) != origin(path):
                raise UserError(f"and {other} are of two data sets; keep each in a place of its own")
        if kind == "images":
            blocks: Iterable[NDArray[np.uint8]] = self.conversion.images(array)
            if turned:
                blocks = (block.swapaxes(1, 2) for block in blocks)
            if role in self.places:
                same = self.images[part].equal(blocks)
            else:
                self.images[part] = Images(self.conversion.budget).extend(blocks, array.shape[0] if array.shape else 0)
        else:
            labels = arrays.as_labels(array, self.conversion.budget)
            same = role not in self.places or np.array_equal(self.labels[part], labels)
            self.labels[part] = labels
        if not same:
            raise UserError(f"and {self.places[role]} are of two data sets; keep each in a place of its own")
        self.places[role] = path
