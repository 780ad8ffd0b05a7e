from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu

from pipeline.metrics.statistics import auroc, confusion_matrix, wilson_interval

scores = st.lists(st.integers(-3, 3), min_size=1, max_size=12).map(np.array)  # few values: many ties
predictions = st.integers(1, 5).flatmap(
    lambda classes: st.tuples(st.just(classes), st.lists(st.tuples(*[st.integers(0, classes - 1)] * 2)))
)


@given(scores, scores)
@settings(deadline=None)
def test_auroc_is_the_share_of_pairs_in_the_right_order(positive: np.ndarray, negative: np.ndarray):
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


@given(scores, scores)
@settings(deadline=None, max_examples=50)
def test_auroc_is_scipys_mann_whitney_statistic_over_all_pairs(positive: np.ndarray, negative: np.ndarray):
    statistic = mannwhitneyu(positive, negative, method="asymptotic").statistic
    assert auroc(positive, negative) == pytest.approx(statistic / (len(positive) * len(negative)))


@given(scores, scores)
@settings(deadline=None, max_examples=50)
def test_swapping_the_groups_gives_the_rest_to_one(positive: np.ndarray, negative: np.ndarray):
    assert auroc(negative, positive) == pytest.approx(1 - auroc(positive, negative))


@given(scores, scores)
@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize("monotone", [np.exp, np.float32, lambda scores: np.uint8(scores + 3)])
def test_auroc_sees_the_order_of_scores_alone(
    monotone: Callable[[np.ndarray], np.ndarray], positive: np.ndarray, negative: np.ndarray
):
    assert auroc(monotone(positive), monotone(negative)) == auroc(positive, negative)


@pytest.mark.parametrize(("positive", "negative"), [([], [1]), ([1], []), ([], [])])
def test_auroc_of_an_empty_group_is_none(positive: list[int], negative: list[int]):
    assert auroc(np.array(positive), np.array(negative)) is None


@given(predictions)
@settings(deadline=None)
def test_confusion_counts_every_image_in_the_row_of_its_class(case: tuple[int, list[tuple[int, int]]]):
    classes, pairs = case
    labels, predicted = np.array(pairs, np.uint8).reshape(-1, 2).T
    table = confusion_matrix(labels, predicted, classes)
    expected = np.zeros((classes, classes), int)
    for label, guess in pairs:
        expected[label, guess] += 1
    np.testing.assert_array_equal(table, expected)
    np.testing.assert_array_equal(table.sum(axis=1), [list(labels).count(label) for label in range(classes)])


def test_classes_whose_pairs_pass_the_range_of_a_byte_are_told_apart():
    labels = np.array([20, 199], np.uint8)
    table = confusion_matrix(labels, labels[::-1], 200)
    assert np.argwhere(table).tolist() == [[20, 199], [199, 20]]


@given(
    st.integers(1, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))),
    st.floats(0.5, 0.999),
)
@settings(deadline=None)
def test_the_interval_is_scipys_wilson_interval(case: tuple[int, int], confidence: float):
    expected = binomtest(*case).proportion_ci(confidence, method="wilson")
    assert wilson_interval(*case, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)
