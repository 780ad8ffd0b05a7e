"""What groups of kernels are worth to a last layer that learns alone: the network's own, random ones, edges, none."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.metrics.kernel_types import edges_and_lines
from pipeline.metrics.ridge import RAW, WINDOWS, pooled_responses, ridge_answers
from pipeline.metrics.statistics import wilson_interval

Array = NDArray[np.floating]
Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (n, height, width), labels (n,)

KERNELS = 32  # of a group at most, so that there are no more than 1,568 features
DRAWS = 3  # of the random kernels


def kernels_to_try(own: Mapping[str, Sequence[Array]], seed: int) -> dict[str, list[Sequence[Array]]]:
    """Return the draws of each group of kernels that ridge regression tries, the network's `own` (height, width) last.

    As many of each group, and of the network's size, but at least 3x3, which an edge needs. No kernels are the pixels.
    The random ones have the article's values, in [-1, 0).
    """
    tried = {name: [kernels[:KERNELS]] for name, kernels in own.items() if kernels}
    count, size = (len(tried["learnt"][0]), max(len(tried["learnt"][0][0]), 3)) if tried else (KERNELS, 3)
    draws = [np.random.default_rng(seed + draw).random((count, size, size)) - 1 for draw in range(DRAWS)]
    edges = edges_and_lines(count, size)
    return {"pixels": [[]], "raw_pixels": [[]], "random": [list(draw) for draw in draws], "edges": [edges], **tried}


def ridge_table(groups: Mapping[str, Sequence[Sequence[Array]]], parts: Sequence[Part], classes: int) -> pd.DataFrame:
    """Return how many test images ridge regression on the pooled responses to each group of kernels gets right.

    Of `train`, `validation` and `test` images a row a group: kernels, count and features of a draw, draws, their mean
    accuracy, low to high, its 95 % Wilson interval, and the lowest and highest accuracy of a draw.
    """

    def right(name: str, kernels: Sequence[Array]) -> tuple[int, NDArray[np.bool_]]:
        most = RAW if name == "raw_pixels" else WINDOWS
        train, validation, test = ((pooled_responses(images, kernels, most), labels) for images, labels in parts)
        return train[0].shape[1], ridge_answers(train, validation, test, classes)

    rows = []
    with ThreadPoolExecutor(2) as pool:  # two at once are quicker, and still little memory
        fits = {name: [pool.submit(right, name, kernels) for kernels in draws] for name, draws in groups.items()}
        for name, draws in groups.items():
            (features, *_), answers = zip(*(fit.result() for fit in fits[name]), strict=True)
            shares, hits, images = np.mean(answers, axis=1), np.sum(answers) / len(draws), len(answers[0])
            measured = (hits / images, *wilson_interval(hits, images), shares.min(), shares.max())
            rows.append((name, len(draws[0]), features, len(draws), *map(float, measured)))
    columns = ["kernels", "count", "features", "draws", "accuracy", "low", "high", "lowest", "highest"]
    return pd.DataFrame(rows, columns=columns)
