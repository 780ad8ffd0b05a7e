"""The wrong images: all of them, in order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline import error_analysis


def answers(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Probabilities of four classes, the predicted classes and random labels."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(4), count).astype(np.float32)
    return probabilities, probabilities.argmax(axis=1).astype(np.uint8), random.integers(0, 4, count).astype(np.uint8)


@given(count=st.integers(0, 60), seed=st.integers(0, 2**32 - 1))
def test_the_table_has_every_wrong_image_and_no_other_the_surest_first(count, seed):
    probabilities, predicted, labels = answers(count, seed)
    table = error_analysis.misclassified(probabilities, predicted, labels)
    assert sorted(table["index"]) == [index for index in range(count) if predicted[index] != labels[index]]
    assert table["probability_of_predicted"].is_monotonic_decreasing
    for row in table.itertuples():
        assert (row.label, row.predicted) == (labels[row.index], predicted[row.index])
        assert row.probability_of_predicted == probabilities[row.index].max()
        assert row.probability_of_label == probabilities[row.index, row.label]
