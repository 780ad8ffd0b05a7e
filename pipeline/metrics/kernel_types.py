"""What kernels answer to: each is matched against a bank of textbook kernels, and only where it beats chance."""

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.floating]

DRAWS = 20_000  # random kernels that say what chance is
CHANCE = 0.95  # of them are less like their best match than a kernel has to be
TYPES = ["edge", "line", "line end", "spot", "ink"]
NONE = "none of these"
INK = "ink"
DIRECTIONS = ["right", "lower right", "below", "lower left", "left", "upper left", "above", "upper right"]


@lru_cache
def bank(size: int) -> dict[tuple[str, str], Array]:
    """Return kernels (size, size) by type and direction, as Keras lays them over an image, each of length 1.

    Ink is a mean. An edge is a slope (Prewitt's kernel where the size is 3), a line a ridge, a spot a round peak: the
    first and second derivatives of a surface at a point, which turn with their direction (Haralick, Digital step
    edges from zero crossing of second directional derivatives, IEEE PAMI 6, 1984; Freeman and Adelson, The design and
    use of steerable filters, IEEE PAMI 13, 1991). The end of a line is ink in the middle and towards one side, and
    paper around, the hit-or-miss template (Serra, Image Analysis and Mathematical Morphology, 1982). All but ink add up
    to 0. Even sizes have no middle, and so no ends of lines.
    """
    place = np.arange(size) - (size - 1) / 2
    down, across = np.meshgrid(place, place, indexing="ij")
    found = {(INK, ""): np.ones((size, size))}
    found |= {
        ("edge", "horizontal"): down,
        ("edge", "vertical"): across,
        ("edge", "falling diagonal"): down - across,
        ("edge", "rising diagonal"): down + across,
        ("line", "horizontal"): -(down**2),
        ("line", "vertical"): -(across**2),
        ("line", "falling diagonal"): -((down - across) ** 2),
        ("line", "rising diagonal"): -((down + across) ** 2),
        ("spot", ""): -(down**2) - across**2,
    }
    if size % 2:
        for number, direction in enumerate(DIRECTIONS):
            angle = np.pi / 4 * number
            along = across * np.cos(angle) + down * np.sin(angle)
            aside = across * np.sin(angle) - down * np.cos(angle)
            found["line end", direction] = np.where((along > -0.1) & (np.abs(aside) < 0.1), 1.0, 0.0)
    centred = {
        name: kernel if name[0] == INK else kernel - kernel.mean() for name, kernel in found.items()
    }  # fmt: skip
    lengths = {name: float(np.linalg.norm(kernel)) for name, kernel in centred.items()}
    return {name: kernel / lengths[name] for name, kernel in centred.items() if lengths[name] > 1e-9}


@lru_cache
def least_similarity(size: int) -> float:
    """Return how like its best match a kernel has to be: what 95 % of random kernels, normal and independent, are not.

    1 where every kernel is like one of the bank, as those of size 1 are.
    """
    kernels = np.random.default_rng(0).standard_normal((DRAWS, size * size))
    kernels /= np.linalg.norm(kernels, axis=1, keepdims=True)
    best = np.abs(kernels @ np.reshape(list(bank(size).values()), (-1, size * size)).T).max(axis=1)
    return min(float(np.quantile(best, CHANCE)), 1.0)


def matches(table: pd.DataFrame, size: int) -> list[Array | None]:
    """Return the bank's kernel that each row of `kernel_types` is like, with its sign; None where it is like none."""
    signs = {"+": 1.0, "-": -1.0}
    return [
        None if kind == NONE else signs[sign] * bank(size)[kind, direction]
        for kind, direction, sign in zip(table["type"], table["direction"], table["sign"], strict=True)
    ]


def kernel_types(kernels: list[NDArray[np.float32]]) -> pd.DataFrame:
    """Return a row a kernel (height, width), square and of one size: filter, type, direction, sign, similarity.

    The similarity is the absolute cosine of the kernel and its best match, the sign that of the cosine. Of a kernel
    that is no liker to it than chance the type is "none of these".
    """
    columns = ["filter", "type", "direction", "sign", "similarity"]
    if not kernels:
        return pd.DataFrame(columns=columns)
    size = len(kernels[0])
    names, matches = list(bank(size)), np.reshape(list(bank(size).values()), (-1, size * size))
    rows = np.reshape(kernels, (len(kernels), size * size)).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0) @ matches.T
    best = np.abs(cosines).argmax(axis=1)
    similarity = np.abs(cosines)[np.arange(len(rows)), best]
    is_like = similarity > least_similarity(size)
    return pd.DataFrame(
        {
            "filter": np.arange(len(rows)),
            "type": [names[place][0] if like else NONE for place, like in zip(best, is_like, strict=True)],
            "direction": [names[place][1] if like else "" for place, like in zip(best, is_like, strict=True)],
            "sign": np.where(cosines[np.arange(len(rows)), best] < 0, "-", "+"),
            "similarity": similarity,
        }
    )
