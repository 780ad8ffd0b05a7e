"""The scores against Keras, against counting by hand, and against SciPy."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from pipeline.metrics import scores
from pipeline.network.backend import keras

CLASSES = 4

PAIRS = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1)  # true, predicted


def probabilities_of(predicted: list[int]) -> NDArray[np.float32]:
    """Rows whose highest probability is at the predicted class."""
    return np.where(np.eye(CLASSES)[predicted], 0.7, 0.1).astype(np.float32)


@pytest.mark.parametrize("power", [1, 8, np.inf], ids=["spread", "sharp", "zeros and ones"])
def test_cross_entropy_is_keras_own(power):
    random = np.random.default_rng(0)
    weights = random.random((500, 10))
    weights = (weights / weights.max(axis=1, keepdims=True)) ** power  # to infinity: 1 for the largest, 0 for the rest
    probabilities = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    labels = random.integers(0, 10, 500).astype(np.uint8)
    losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    assert scores.cross_entropy(probabilities, labels) == pytest.approx(np.mean(losses), rel=1e-5)


@given(PAIRS)
def test_every_image_counts_once(pairs):
    labels, predicted = np.array(pairs, np.uint8).T
    score = scores.score(probabilities_of(predicted), labels)
    assert score["test_images"] == len(pairs)
    assert score["wrong"] == sum(truth != guess for truth, guess in pairs)
    assert score["test_accuracy"] == pytest.approx(1 - score["wrong"] / len(pairs))
    assert score["test_loss"] == scores.cross_entropy(probabilities_of(predicted), labels)
    json.dumps(score)


@pytest.mark.parametrize(("right", "images"), [(0, 1), (1, 1), (0, 40), (13, 40), (40, 40), (9_675, 10_000)])
def test_the_interval_is_wilsons(right, images):
    score = scores.score(probabilities_of([0] * images), np.repeat([0, 1], [right, images - right]))
    expected = binomtest(right, images).proportion_ci(0.95, method="wilson")
    low, high = score["test_accuracy_low"], score["test_accuracy_high"]
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= score["test_accuracy"] <= high <= 1


def test_separation_of_a_handmade_example():
    highest = np.array([0.5, 0.8, 0.9, 0.7, 0.6], np.float32)
    wrong = np.array([True, False, False, False, True])
    assert scores.separation(highest, wrong) == pytest.approx(
        {
            "confidence_wrong": 0.55,
            "confidence_right": 0.8,
            "confidence_all": 0.7,
            "misclassification_auroc": 1.0,
        }
    )
    assert scores.separation(highest, ~wrong)["misclassification_auroc"] == 0
    assert scores.separation(highest, np.arange(5) == 3)["misclassification_auroc"] == 0.5


def test_without_wrong_images_there_is_nothing_to_separate():
    found = scores.separation(np.array([0.5, 1], np.float32), np.array([False, False]))
    assert found == {
        "confidence_wrong": None,
        "confidence_right": 0.75,
        "confidence_all": 0.75,
        "misclassification_auroc": None,
    }
