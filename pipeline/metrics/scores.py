"""Numbers about predictions: how many are right, how sure they are, whether the network knows when it is wrong."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.statistics import auroc, wilson_interval

SMALLEST = 1e-7  # Keras clips probabilities there before it takes the logarithm


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities (n, classes) of logits (n, classes), by double precision in between."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)  # type: ignore[no-any-return]


def cross_entropy(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Return the mean of -log p(true class), of probabilities (n, classes) and labels (n,)."""
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(of_truth, SMALLEST, 1 - SMALLEST)).mean())


def score(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> dict[str, Any]:
    """Return loss, and accuracy with its 95 % Wilson interval."""
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    low, high = wilson_interval(correct, len(labels))
    return {
        "test_loss": cross_entropy(probabilities, labels),
        "test_accuracy": correct / len(labels),
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_images": len(labels),
        "wrong": len(labels) - correct,
    }


def confidence(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each image's maximum softmax probability: (n, classes) to (n,).

    Hendrycks and Gimpel, A baseline for detecting misclassified and out-of-distribution examples in neural networks
    (2017), arXiv:1610.02136.
    """
    return probabilities.max(axis=1)  # type: ignore[no-any-return]


def separation(confidences: NDArray[np.float32], wrong: NDArray[np.bool_]) -> dict[str, float | None]:
    """Return the mean confidence (n,) of wrong, right and all images, and how well a low one detects a wrong answer.

    misclassification_auroc is the probability that the network is less confident of a random wrong image than of a
    random right one: Hendrycks and Gimpel (2017), arXiv:1610.02136.
    """

    def mean(values: NDArray[np.float32]) -> float | None:
        return float(values.mean(dtype=np.float64)) if len(values) else None

    return {
        "confidence_wrong": mean(confidences[wrong]),
        "confidence_right": mean(confidences[~wrong]),
        "confidence_all": mean(confidences),
        "misclassification_auroc": auroc(confidences[~wrong], confidences[wrong]),
    }
