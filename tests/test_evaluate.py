"""The scores against Keras, against counting by hand, and against SciPy."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from pipeline import evaluate
from pipeline.metrics.statistics import confusion
from pipeline.network.backend import keras

CLASSES = 4
NAMES = ["dog", "cat", "ant", "bee"]
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
    assert evaluate.cross_entropy(probabilities, labels) == pytest.approx(np.mean(losses), rel=1e-5)


@given(PAIRS)
def test_each_class_has_the_measures_that_counting_gives(pairs):
    labels, predicted = np.array(pairs, np.uint8).T
    table = evaluate.per_class(confusion(labels, predicted, CLASSES), NAMES).set_index("class")
    assert list(table.index) == NAMES
    for label, (_, row) in enumerate(table.iterrows()):
        hits = pairs.count((label, label))
        true = sum(truth == label for truth, _ in pairs)
        given_ = sum(guess == label for _, guess in pairs)
        precision, recall = hits / given_ if given_ else 0, hits / true if true else 0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0
        assert row.to_dict() == pytest.approx({"images": true, "precision": precision, "recall": recall, "f1": f1})


@given(PAIRS)
def test_every_image_counts_once(pairs):
    labels, predicted = np.array(pairs, np.uint8).T
    score = evaluate.score(probabilities_of(predicted), labels)
    assert score["test_images"] == len(pairs)
    assert score["wrong"] == sum(truth != guess for truth, guess in pairs)
    assert score["test_accuracy"] == pytest.approx(1 - score["wrong"] / len(pairs))
    assert score["test_loss"] == evaluate.cross_entropy(probabilities_of(predicted), labels)
    json.dumps(score)


@pytest.mark.parametrize(("right", "images"), [(0, 1), (1, 1), (0, 40), (13, 40), (40, 40), (9_675, 10_000)])
def test_the_interval_is_wilsons(right, images):
    score = evaluate.score(probabilities_of([0] * images), np.repeat([0, 1], [right, images - right]))
    expected = binomtest(right, images).proportion_ci(0.95, method="wilson")
    low, high = score["test_accuracy_low"], score["test_accuracy_high"]
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= score["test_accuracy"] <= high <= 1
