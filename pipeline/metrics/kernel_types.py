"""What kernels answer to: each is matched against a bank of textbook kernels, and only where it beats chance."""

from collections.abc import Sequence
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
    use of steerable filters, IEEE PAMI 13, 1991). The end of a line, to which end-stopped cells answer (Hubel and
    Wiesel, Journal of Neurophysiology 28, 1965), is ink in the middle and towards one side, and paper around, the
    hit-or-miss template (Serra, Image Analysis and Mathematical Morphology, 1982). All but ink add up to 0. Even sizes
    have no middle, and so no ends of lines.
    """
    down, across = _slope(size, 90), _slope(size, 0)
    found: dict[tuple[str, str], Array] = {(INK, ""): np.ones((size, size)), ("spot", ""): -(down**2) - across**2}
    for direction, angle in (("horizontal", 90), ("vertical", 0), ("falling diagonal", 135), ("rising diagonal", 45)):
        found["edge", direction] = _slope(size, angle)
        found["line", direction] = -(_slope(size, angle) ** 2)
    if size % 2:
        for number, direction in enumerate(DIRECTIONS):
            along, aside = _slope(size, 45 * number), _slope(size, 45 * number + 90)
            found["line end", direction] = np.where((along > -0.1) & (np.abs(aside) < 0.1), 1.0, 0.0)
    kernels: dict[tuple[str, str], Array] = {}
    for name, kernel in found.items():
        centred = kernel if name[0] == INK else kernel - kernel.mean()
        length = float(np.linalg.norm(centred))
        # of size 1 all but ink is nothing, of size 2 one diagonal line is the negative of the other
        if length > 1e-9 and all(abs((centred * other).sum()) < 0.999 * length for other in kernels.values()):
            kernels[name] = centred / length
    return kernels


def edges_and_lines(count: int, size: int) -> list[Array]:
    """Return so many kernels (size, size), at least 3x3: edges, and half of them lines, in directions evenly apart.

    They are the first and second derivatives of `bank`, turned, of length 1. Two and three of them would do, were it
    not for what comes after them, which takes the size of a response and its largest (Freeman and Adelson 1991).
    """
    lines = count // 2
    edges = count - lines
    found = [_slope(size, 180 * number / edges) for number in range(edges)]
    found += [-(_slope(size, 180 * number / lines) ** 2) for number in range(lines)]
    centred = [kernel - kernel.mean() for kernel in found]
    return [kernel / np.linalg.norm(kernel) for kernel in centred]


def _slope(size: int, angle: float) -> Array:
    """Return how far each place lies from the middle, in a direction: degrees, from the right, clockwise."""
    place = np.arange(size) - (size - 1) / 2
    across, down = np.round([np.cos(np.radians(angle)), np.sin(np.radians(angle))], 12)  # a right angle is one
    slope: Array = across * place + down * place[:, None]
    return slope


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


def kernel_types(kernels: Sequence[Array]) -> pd.DataFrame:
    """Return a row a kernel (height, width), square and of one size: filter, type, direction, sign, similarity.

    The similarity is the absolute cosine of the kernel and its best match, the sign that of the cosine: of an edge +
    where it answers to what is brighter below, to the right where it is vertical, and - to the opposite; of all else +
    where it answers to ink on paper, and - to paper in ink. Of a kernel that is no liker to its best match than chance
    the type is "none of these".
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


def by_type(types: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `kernel_types` in the order of the types, those like none last, the most similar first."""
    order = types["type"].map([*TYPES, NONE].index)
    return types.assign(order=order).sort_values(["order", "similarity"], ascending=[True, False])


def type_counts(
    learnt: pd.DataFrame, initial: pd.DataFrame, random: pd.DataFrame, size: int | None
) -> dict[str, float | None]:
    """Return how many kernels are like a textbook kernel, from rows of `kernel_types`; None without a convolution."""
    counts = learnt["type"].value_counts()
    return {
        **{f"{name.replace(' ', '_')}_filters": int(counts.get(name, 0)) if size else None for name in TYPES},
        "least_similarity": least_similarity(size) if size else None,
        "initial_matched_filters": int((initial["type"] != NONE).sum()) if size else None,
        "random_ink_kernels": int((random["type"] == INK).sum()),
    }
