"""The statistics that more than one stage counts by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu


def auroc(positive: NDArray[Any], negative: NDArray[Any]) -> float | None:
    """Return the probability that a random positive scores above a random negative, ties counting half.

    0.5 is chance, 1 a perfect detector, 0 a perfect detector of the opposite. Scores have shapes (n,) and (m,);
    None when either is empty. The area under the ROC curve is the Mann-Whitney statistic over n m: Hanley and
    McNeil, Radiology 143 (1982).
    """
    if not len(positive) or not len(negative):
        return None
    above = mannwhitneyu(positive.astype(np.float64), negative.astype(np.float64), method="asymptotic").statistic
    return float(above / (len(positive) * len(negative)))


def confusion(labels: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Return how often each true class (row) was given each predicted class (column): (classes, classes)."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
