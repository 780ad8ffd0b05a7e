"""The paired statistics against oracles, simulations and their own mirror images."""

import numpy as np
import pytest
from scipy import stats

from pipeline.metrics import paired
from pipeline.metrics.scores import cross_entropy, softmax

TABLES = [(0, 0, 50), (10, 0, 90), (30, 12, 400), (5, 60, 9935)]


def arrays(won: int, lost: int, rest: int) -> tuple[np.ndarray, np.ndarray]:
    """What two networks get right, the second alone `won` images, the first alone `lost`."""
    return np.repeat([False, True, True], [won, lost, rest]), np.repeat([True, False, True], [won, lost, rest])


@pytest.mark.parametrize("table", TABLES)
def test_the_interval_agrees_with_the_test_of_mcnemar_and_holds_the_difference(table: tuple[int, int, int]) -> None:
    won, lost, rest = table
    by, low, high = paired.accuracy_difference(*arrays(*table))
    assert by == pytest.approx((won - lost) / (won + lost + rest))
    assert low < by < high
    assert (paired.mcnemar(*arrays(*table)) < 0.05) == (low > 0 or high < 0)


@pytest.mark.parametrize("table", TABLES)
def test_swapping_the_networks_turns_every_difference_and_leaves_p_as_it_is(table: tuple[int, int, int]) -> None:
    first, second = arrays(*table)
    by, low, high = paired.accuracy_difference(first, second)
    assert paired.accuracy_difference(second, first) == pytest.approx((-by, -high, -low))
    assert paired.mcnemar(second, first) == paired.mcnemar(first, second)
    one, other = np.random.default_rng(0).random((2, 40))
    by, low, high = paired.mean_difference(one, other)
    assert paired.mean_difference(other, one) == pytest.approx((-by, -high, -low))


def test_the_intervals_cover_the_true_difference_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(0)
    shares, means = 0, 0
    for _ in range(2000):
        first, second = random.random((2, 300)) < [[0.86], [0.9]]
        _, low, high = paired.accuracy_difference(first, second)
        shares += low <= 0.04 <= high
        # as cross-entropies are: most near 0, a few large, and the same images hard for both
        hard = random.exponential(0.1, 300)
        _, low, high = paired.mean_difference(hard * random.exponential(1, 300), hard * random.exponential(1.2, 300))
        means += low <= 0.02 <= high
    assert 0.94 < shares / 2000 < 0.97
    assert 0.93 < means / 2000 < 0.97


def test_mcnemars_p_is_that_of_the_binomial_test_on_the_images_that_one_alone_gets_right() -> None:
    assert paired.mcnemar(*arrays(1, 9, 1000)) == stats.binomtest(1, 10).pvalue == pytest.approx(22 / 1024)
    assert paired.mcnemar(*arrays(0, 0, 1000)) == 1


def test_under_chance_mcnemars_test_alarms_in_at_most_one_of_twenty_comparisons() -> None:
    random = np.random.default_rng(1)
    alarms = sum(paired.mcnemar(*(random.random((2, 400)) < 0.9)) < 0.05 for _ in range(1000))
    assert alarms / 1000 < 0.05 + 3 * 0.007


def test_the_paired_interval_of_a_mean_is_scipys() -> None:
    first, second = np.random.default_rng(2).exponential(1, (2, 50))
    by, low, high = paired.mean_difference(first, second)
    expected = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert by == pytest.approx((second - first).mean())


def test_the_mean_of_the_cross_entropies_is_the_loss() -> None:
    random = np.random.default_rng(3)
    probabilities = softmax(random.normal(0, 20, (200, 10)).astype(np.float32))  # some so small that they are clipped
    labels = random.integers(0, 10, 200).astype(np.uint8)
    assert paired.cross_entropies(probabilities, labels).mean() == pytest.approx(cross_entropy(probabilities, labels))


def test_the_most_changed_of_the_chosen_come_first_whichever_way_they_changed() -> None:
    chosen = np.array([True, False, True, True])
    assert paired.most_changed(chosen, np.array([0.1, 0.9, -0.5, 0.3])).tolist() == [2, 3, 0]
