"""The statistics that more than one stage counts by."""

from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def auroc(positive: NDArray[Any], negative: NDArray[Any]) -> float | None:
    """Return the probability that a random positive scores above a random negative, ties counting half.

    0.5 is chance, 1 a perfect detector, 0 a perfect detector of the opposite. Scores have shapes (n,) and (m,);
    None when either is empty. The area under the ROC curve is the Mann-Whitney statistic over n m: Hanley and
    McNeil, Radiology 143 (1982).
    """
    if not len(positive) or not len(negative):
        return None
    ranks = pd.Series(np.concatenate([positive, negative])).rank().to_numpy()
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def confusion_matrix(labels: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Return how often each true class (row) was given each predicted class (column): (classes, classes)."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def wilson_interval(hits: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval in which the share that `hits` of `count` estimate lies with this confidence.

    Wilson, Journal of the American Statistical Association 22 (1927).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, shrunk = hits / count, 1 + z**2 / count
    centre = (share + z**2 / (2 * count)) / shrunk
    half = z / shrunk * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return centre - half if hits else 0.0, centre + half if hits < count else 1.0
