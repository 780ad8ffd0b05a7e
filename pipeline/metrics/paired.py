"""Two networks on the same images: how far apart they are, and what chance alone would make of it."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.metrics.scores import SMALLEST


def accuracy_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return by how much larger a share the second gets right of the same images (n,), and its 95 % interval.

    Agresti and Min, Statistics in Medicine 24 (2005): half an image is added to each cell of the table of pairs.
    """
    won, lost = (second & ~first).sum() + 0.5, (first & ~second).sum() + 0.5
    count = len(first) + 2
    centre = (won - lost) / count
    half = NormalDist().inv_cdf(0.975) * math.sqrt(won + lost - (won - lost) ** 2 / count) / count
    return float(second.mean() - first.mean()), max(centre - half, -1.0), min(centre + half, 1.0)


def mean_difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return by how much larger the second's mean over the same images (n,) is, and its 95 % interval: paired t.

    Student, Biometrika 6 (1908), on the images' differences, of which there are at least two.
    """
    differences = second - first
    middle = float(differences.mean())
    half = float(stats.t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences)))
    return middle, middle - half, middle + half


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the exact two-sided p of two networks that get the same images (n,) right; 1 where they always agree.

    McNemar, Psychometrika 12 (1947): of the images that one alone gets right, each has half of them by chance.
    """
    won, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0


def cross_entropies(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return -log p(true class) of each image: probabilities (n, classes), labels (n,) to (n,)."""
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(of_truth, SMALLEST, 1 - SMALLEST))


def most_changed(chosen: NDArray[np.bool_], change: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the indices of the chosen images (n,), that of the largest change (n,) either way first."""
    index = np.flatnonzero(chosen)
    return index[np.argsort(-np.abs(change[index]), kind="stable")]
