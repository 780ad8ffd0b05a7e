"""How sure the network may be: calibration, temperature scaling, and refusing what it is least sure of.

Whatever takes `confidences` and `right` (both of n >= 1) asks one thing of an image: how sure the answer was, and
whether it was right. What takes `logits` and `labels` looks at all the probabilities.
"""

from math import exp, floor, log, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_softmax, softmax

from pipeline.metrics.statistics import wilson_interval

Logits = NDArray[np.floating]
Labels = NDArray[np.integer]
Shares = NDArray[np.float64]
Right = NDArray[np.bool_]

BINS = 15  # as Guo et al. (2017) count them
CELLS = 2**14  # of the grid that is smoothed: finer than any width that ten thousand images can tell from none
TEMPERATURES = (0.05, 20.0)  # between which the best one is looked for


def answers(logits: Logits, labels: Labels) -> tuple[Shares, Right]:
    """Return the confidence, the maximum softmax probability, of each image's answer, and whether it is right.

    Logits (n, classes) and labels (n,) give two arrays (n,). Double precision keeps apart the confidences that single
    precision rounds to 1. Of equal logits the first is the answer.
    """
    ordered = np.sort(logits.astype(np.float64, order="C"), axis=1)  # else the order of the classes rounds differently
    confidences: Shares = softmax(ordered, axis=1)[:, -1]
    return confidences, logits.argmax(axis=1) == labels


def reliability(confidences: Shares, right: Right, bins: int = BINS) -> dict[str, NDArray[Any]]:
    """Return what a reliability diagram shows, an entry a bin of equal width: (bins,) each.

    `low` and `high` are the bin's edges, of which it holds the upper one; `count` its images, `confidence` their mean
    confidence, `accuracy` the share that is right, `accuracy_low` to `accuracy_high` the 95 % Wilson interval of that
    share. An empty bin has a count of 0, and nan for the rest. Guo, Pleiss, Sun and Weinberger, On calibration of
    modern neural networks (2017), arXiv:1706.04599, section 2.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidences)
    count, hits, total = (np.bincount(place, weights, bins) for weights in (None, right, confidences))
    pairs = zip(hits.tolist(), count.tolist(), strict=True)
    low, high = np.transpose([wilson_interval(*pair) if pair[1] else (nan, nan) for pair in pairs])

    def mean(sums: NDArray[Any]) -> Shares:
        return np.divide(sums, count, out=np.full(bins, nan), where=count > 0)  # type: ignore[no-any-return]

    return {
        "low": edges[:-1],
        "high": edges[1:],
        "count": count,
        "confidence": mean(total),
        "accuracy": mean(hits),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def expected_calibration_error(confidences: Shares, right: Right, bins: int = BINS) -> float:
    """Return how far confidence and accuracy lie apart in a bin of equal width, on average over the images: 0 to 1.

    ECE: Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning (2015); with the
    bins of Guo et al. (2017), arXiv:1706.04599.
    """
    table = reliability(confidences, right, bins)
    return float(np.nansum(table["count"] * np.abs(table["accuracy"] - table["confidence"])) / len(right))


def adaptive_calibration_error(confidences: Shares, right: Right, bins: int = BINS) -> float:
    """Return the calibration error over bins of equally many images, or of one more: 0 to 1.

    Nguyen and O'Connor, Posterior calibration and exploratory analysis for natural language processing models (2015),
    arXiv:1508.05154; of the answer alone, where Nixon et al. (2019), arXiv:1904.01685, take every class's probability.
    Images of one confidence that come into two bins bring the same share of right answers into both.
    """
    sure, share = _surest_first(confidences, right)
    gaps = np.array_split(sure - share, bins)
    return float(sum(abs(gap.sum()) for gap in gaps) / len(right))


def smooth_calibration_error(confidences: Shares, right: Right) -> float:
    """Return the calibration error after smoothing by a Gaussian as wide as the error itself: 0 to 1, free of bins.

    smECE: Błasiok and Nakkiran, Smooth ECE (2023), arXiv:2309.12236. The excess of confidence over what was right is
    convolved with a Gaussian that 0 and 1 reflect; the error of a width is the integral of its absolute value, which
    falls as the width grows, and smECE is where both are equal.
    """
    cells = np.minimum((confidences * CELLS).astype(np.int64), CELLS - 1)
    excess = np.bincount(cells, confidences - right, CELLS) / len(right)
    waves = dct(excess)  # a reflected Gaussian damps each cosine by itself
    frequencies = np.pi * np.arange(CELLS)

    def error(width: float) -> float:
        return float(np.abs(idct(waves * np.exp(-((frequencies * width) ** 2) / 2))).sum())

    return float(brentq(lambda width: error(width) - width, 0, 2))


def negative_log_likelihood(logits: Logits, labels: Labels) -> float:
    """Return the mean of -log p(true class) in nats, of logits (n, classes) and labels (n,).

    Straight from the logits: no probability is clipped, however small. A proper score: Gneiting and Raftery, Journal of
    the American Statistical Association 102 (2007).
    """
    of_truth = log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
    return 0.0 - float(of_truth.mean())  # which is never -0.0


def brier_score(logits: Logits, labels: Labels) -> float:
    """Return the squared error of the probabilities, summed over all classes, the mean of all images: 0 to 2.

    Logits are (n, classes), labels (n,). The sum is Brier's own: Monthly Weather Review 78 (1950); where only one of
    two classes is counted, the score is half of it.
    """
    probabilities = softmax(logits.astype(np.float64), axis=1)
    truth = np.eye(logits.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def temperature_scaled(logits: Logits, temperature: float) -> Shares:
    """Return logits (n, classes) over a temperature above 0: above 1 the network becomes less sure, below 1 surer.

    Double precision keeps different logits different, so that no answer changes.
    """
    return logits.astype(np.float64) / temperature


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """Return the temperature of the least negative log-likelihood, between 0.05 and 20.

    Logits (n, classes) and labels (n,) are to be of images on which nothing is reported: validation. Where nothing is
    better than 1 it is 1. Where every answer is right, or too many are wrong, no temperature is best, and it is one of
    the two ends. Guo et al. (2017), arXiv:1706.04599, section 4.2.
    """

    def loss(temperature: float) -> float:
        return negative_log_likelihood(temperature_scaled(logits, temperature), labels)

    low, high = map(log, TEMPERATURES)
    found = minimize_scalar(lambda power: loss(exp(power)), bounds=(low, high), options={"xatol": 1e-6})
    return min(1.0, exp(found.x), key=loss)


def risk_coverage(confidences: Shares, right: Right) -> dict[str, Shares]:
    """Return the share that is wrong of the 1, 2 ... n images of the highest confidence: (n,) each.

    `coverage` is the share that is answered, `risk` the share of these that is wrong, `risk_low` to `risk_high` its
    95 % Wilson interval. Of images with the same confidence it is the mean over all their orders. Geifman and El-Yaniv,
    Selective classification for deep neural networks (2017), arXiv:1705.08500.
    """
    _, share = _surest_first(confidences, right)
    answered = np.arange(1, len(right) + 1)
    wrong = np.cumsum(1 - share)
    pairs = zip(wrong.tolist(), answered.tolist(), strict=True)
    low, high = np.transpose([wilson_interval(*pair) for pair in pairs])
    return {"coverage": answered / len(right), "risk": wrong / answered, "risk_low": low, "risk_high": high}


def area_under_risk_coverage(confidences: Shares, right: Right) -> float:
    """Return the mean risk over all coverages: 0 to 1, low where few answers are wrong and these are the least sure.

    AURC: Geifman, Uziel and El-Yaniv, Bias-reduced uncertainty estimation for deep neural classifiers (2019),
    arXiv:1805.08206.
    """
    return float(risk_coverage(confidences, right)["risk"].mean())


def selective_accuracy(confidences: Shares, right: Right, refused: float = 0.05) -> dict[str, float]:
    """Return how many answers are right when the least sure ones are refused: at most the share `refused` of them.

    `threshold` is the least confidence that is answered, `refused` the share below it, `answered` the number of the
    others, `accuracy` the share of those that is right, `accuracy_low` to `accuracy_high` its 95 % Wilson interval.
    Images of one confidence are all answered or all refused, as whoever uses the threshold has to. Raises ValueError
    unless 0 <= refused < 1.
    """
    if not 0 <= refused < 1:
        raise ValueError(f"refused: {refused} of all answers; allowed are shares from 0 to below 1")
    most = min(floor(round(refused * len(right), 6)), len(right) - 1)  # 0.29 * 100 is a little less than 29
    threshold = float(np.sort(confidences)[most])
    kept = right[confidences >= threshold]
    low, high = wilson_interval(int(kept.sum()), len(kept))
    return {
        "threshold": threshold,
        "refused": (len(right) - len(kept)) / len(right),
        "answered": len(kept),
        "accuracy": float(kept.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def _surest_first(confidences: Shares, right: Right) -> tuple[Shares, Shares]:
    """Return confidences (n,) from the highest on, and how right each is: images of one confidence share their mean."""
    values, group, counts = np.unique(-confidences, return_inverse=True, return_counts=True)
    share = np.bincount(group, right) / counts
    return np.repeat(-values, counts), np.repeat(share, counts)
