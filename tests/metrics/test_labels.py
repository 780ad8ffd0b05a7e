"""Doubtful labels against labels that the test has made wrong, and the count against its definition in the paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.metrics.labels import confident_joint, doubtful, label_quality, probable_errors
from pipeline.metrics.statistics import auroc

COLUMNS = ["index", "label", "predicted", "probability_of_predicted", "probability_of_label", "score"]


def answers(
    classes: int, count: int, seed: int, sure: float = 2.0
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
    """Probabilities of a network that is often sure, labels of which a tenth are wrong, and which these are.

    `sure` tells how much the true class stands out: 2 often, 0.2 seldom.
    """
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, count)])  # every class comes up
    weights = (
        random.dirichlet(np.ones(classes), len(truth)) + sure * random.random((len(truth), 1)) * np.eye(classes)[truth]
    )
    flipped = random.random(len(truth)) < 0.1
    labels = np.where(flipped, (truth + random.integers(1, classes, len(truth))) % classes, truth)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), labels.astype(np.uint8), flipped


sets = st.builds(
    answers, st.sampled_from([2, 3, 10, 100]), st.integers(0, 300), st.integers(0, 1000), st.sampled_from([0.2, 2.0])
)


@pytest.mark.parametrize("classes", [3, 10, 100])
def test_labels_that_are_wrong_come_first(classes: int):
    probabilities, labels, flipped = answers(classes, 2000, seed=0, sure=9)
    scores = label_quality(probabilities, labels)
    area = auroc(scores[~flipped], scores[flipped])
    assert area is not None
    assert area > 0.98
    assert flipped[doubtful(probabilities, labels, 100)["index"]].all()


@given(sets)
@settings(deadline=None)
def test_a_score_lies_between_0_and_1_and_below_a_half_where_the_network_prefers_another_class(drawn):
    probabilities, labels, _ = drawn
    scores = label_quality(probabilities, labels)
    assert scores.shape == labels.shape
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_array_equal(scores < 0.5, probabilities.argmax(axis=1) != labels)


def test_a_score_is_half_of_one_and_the_labels_lead_over_its_best_rival():
    probabilities = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0.25, 0.125, 0.625]], np.float32)
    np.testing.assert_array_equal(label_quality(probabilities, np.zeros(4, np.uint8)), [1, 0, 0.5, 0.3125])


def test_in_a_set_of_one_class_no_label_is_doubted():
    probabilities, labels = np.ones((3, 1), np.float32), np.zeros(3, np.uint8)
    np.testing.assert_array_equal(label_quality(probabilities, labels), 1)
    assert probable_errors(probabilities, labels) == 0


@given(sets, st.integers(1, 400))
@settings(deadline=None)
def test_the_table_tells_of_each_image_what_the_network_says(drawn, count: int):
    probabilities, labels, _ = drawn
    table = doubtful(probabilities, labels, count)
    assert list(table) == COLUMNS
    index, label, predicted, of_predicted, of_label, score = table.values()
    assert len(index) == len(set(index)) == min(count, len(labels))
    np.testing.assert_array_equal(label, labels[index])
    np.testing.assert_array_equal(of_label, probabilities[index, label])
    np.testing.assert_array_equal(of_predicted, probabilities[index].max(axis=1))
    np.testing.assert_array_equal(of_predicted, probabilities[index, predicted])
    np.testing.assert_array_equal(score, label_quality(probabilities, labels)[index])
    assert (np.diff(score) >= 0).all()
    assert score[-1] <= np.delete(label_quality(probabilities, labels), index).min(initial=1)


def test_images_of_the_same_score_keep_their_order():
    labels = (np.arange(60) % 3 == 0).astype(np.uint8)
    table = doubtful(np.full((60, 2), (0.75, 0.25), np.float32), labels, 60)
    assert list(table["index"]) == [*np.flatnonzero(labels == 1), *np.flatnonzero(labels == 0)]


def test_an_image_of_which_the_network_is_still_surer_comes_earlier():
    """In single precision all of them would have the score 0."""
    of_label = np.array([1e-9, 1e-11, 1e-10], np.float32)
    table = doubtful(np.stack([of_label, np.ones_like(of_label)], axis=1), np.zeros(3, np.uint8), 3)
    assert list(table["index"]) == [1, 2, 0]


@given(sets, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_images_changes_neither_ranking_nor_count(drawn, random):
    probabilities, labels, _ = drawn
    order = np.array(random.sample(range(len(labels)), len(labels)))
    ranked, shuffled = (
        doubtful(*both, 50) for both in [(probabilities, labels), (probabilities[order], labels[order])]
    )
    np.testing.assert_array_equal(order[shuffled["index"]], ranked["index"])
    np.testing.assert_array_equal(
        confident_joint(probabilities[order], labels[order]), confident_joint(probabilities, labels)
    )


@given(sets, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_classes_changes_only_their_numbers(drawn, random):
    probabilities, labels, _ = drawn
    classes = probabilities.shape[1]
    old = np.array(random.sample(range(classes), classes))  # the old number of each new class
    renamed, relabelled = probabilities[:, old], np.argsort(old)[labels].astype(np.uint8)
    table, other = doubtful(probabilities, labels, 50), doubtful(renamed, relabelled, 50)
    for name, column in other.items():
        np.testing.assert_array_equal(old[column] if name in ("label", "predicted") else column, table[name])
    joint = confident_joint(probabilities, labels)
    np.testing.assert_array_equal(confident_joint(renamed, relabelled), joint[np.ix_(old, old)])


@given(sets)
@settings(deadline=None)
def test_the_confident_joint_is_the_papers(drawn):
    """As arXiv:1911.00068 defines it, written down image by image."""
    probabilities, labels, _ = drawn
    classes = range(probabilities.shape[1])
    thresholds = [
        probabilities[labels == label, label].mean(dtype=float) if label in labels else 2 for label in classes
    ]
    expected = np.zeros((len(classes), len(classes)), int)
    for row, label in zip(probabilities, labels, strict=True):
        confident = [other for other in classes if row[other] >= thresholds[other]]
        if confident:
            expected[label, max(confident, key=lambda other: row[other])] += 1
    joint = confident_joint(probabilities, labels)
    np.testing.assert_array_equal(joint, expected)
    assert probable_errors(probabilities, labels) == sum(
        int(expected[label, other]) for label in classes for other in classes if label != other
    )


def test_a_class_counts_by_its_own_threshold_even_where_a_likelier_class_misses_its_own():
    probabilities = np.array(
        [[1, 0, 0], [0.6, 0.25, 0.15], [0.7, 0.3, 0], [0.7, 0.1, 0.2], [0.9, 0.05, 0.05]], np.float32
    )
    labels = np.array([0, 0, 1, 1, 2], np.uint8)  # so that the thresholds are 0.8, 0.2 and 0.05
    np.testing.assert_array_equal(confident_joint(probabilities, labels), [[1, 1, 0], [0, 1, 1], [1, 0, 0]])


def test_equal_images_reach_the_mean_of_their_own_probabilities():
    probabilities = np.full((700, 3), (0.7, 0.2, 0.1), np.float32)
    np.testing.assert_array_equal(confident_joint(probabilities, np.zeros(700, np.uint8)), np.diag([700, 0, 0]))


def test_of_a_class_without_images_nothing_is_known():
    probabilities = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]], np.float32)
    np.testing.assert_array_equal(confident_joint(probabilities, np.array([0, 1], np.uint8)), np.diag([1, 1, 0]))


@pytest.mark.parametrize("classes", [3, 10, 100])
def test_wrong_labels_are_counted_about_right_where_the_network_is_sure_and_none_where_all_are_right(classes: int):
    _, truth, flipped = answers(classes, 2000, seed=0)
    probabilities = np.full((len(truth), classes), 0.1 / classes, np.float32)
    probabilities[np.arange(len(truth)), truth] += 0.9
    assert probable_errors(probabilities, truth) == 0
    wrong = np.where(flipped, (truth + 1) % classes, truth).astype(np.uint8)
    assert probable_errors(probabilities, wrong) == flipped.sum()
