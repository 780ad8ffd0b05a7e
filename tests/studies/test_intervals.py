"""Intervals and tests of differences: against other ways to compute them, and by simulation."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pipeline.studies import intervals
from pipeline.studies.intervals import Interval

Array = NDArray[np.float64]
SEEDS, IMAGES = 12, 2000

values = st.lists(st.integers(-99, 99), min_size=2, max_size=9).map(lambda drawn: np.array(drawn) / 100)


def simulated(effect: float, repetitions: int) -> Iterator[Array]:
    """Differences of two arms, (seeds, images): right minus right, with what images and seeds have in common.

    An image has its own difficulty, in which the arms may differ; a seed moves an arm as a whole.
    """
    random = np.random.default_rng(0)
    for _ in range(repetitions):
        difficulty = random.normal(2.2, 1.2, IMAGES)
        leaning = random.normal(0, 0.3, IMAGES)
        skill = random.normal(0, 0.05, (2, SEEDS, 1))
        noise = random.logistic(0, 1, (2, SEEDS, IMAGES))
        baseline = difficulty + skill[0] + noise[0] > 0
        variant = difficulty + leaning + effect + skill[1] + noise[1] > 0
        yield variant.astype(float) - baseline


def truth(effect: float, images: int = 4_000_000) -> float:
    random = np.random.default_rng(1)
    difficulty, leaning = random.normal(2.2, 1.2, images), random.normal(0, 0.3, images)
    skill = random.normal(0, 0.05, (2, images))
    return float((stats.logistic.cdf(difficulty + leaning + effect + skill[1])
                  - stats.logistic.cdf(difficulty + skill[0])).mean())  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_the_interval_for_new_images_covers_the_truth_in_93_to_98_of_100_studies(effect: float) -> None:
    wanted = truth(effect)
    found = [intervals.for_new_images(differences) for differences in simulated(effect, 600)]
    covered = np.mean([one.low <= wanted <= one.high for one in found if one])
    assert 0.93 <= covered <= 0.98


@pytest.mark.parametrize("effect", [0.0, 0.004])
def test_the_interval_for_these_images_covers_the_truth_in_93_to_98_of_100_studies(effect: float) -> None:
    random = np.random.default_rng(0)
    found = [intervals.for_these_images(random.normal(effect, 0.002, SEEDS)) for _ in range(2000)]
    covered = np.mean([one.low <= effect <= one.high for one in found if one])
    assert 0.93 <= covered <= 0.98


def test_the_interval_for_these_images_is_students() -> None:
    differences = np.random.default_rng(0).normal(0.5, 1, 9)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert intervals.for_these_images(differences) == Interval(
        pytest.approx(expected.low), pytest.approx(expected.high)
    )


def test_the_two_way_variance_is_that_of_its_analysis_of_variance() -> None:
    """Sums of squares by regression on dummies, which statsmodels does, against those by means."""
    import pandas as pd
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm

    differences = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1], size=(5, 30))
    differences += np.random.default_rng(1).normal(0, 0.2, 30)
    frame = pd.DataFrame([(d, s, i) for (s, i), d in np.ndenumerate(differences)], columns=["d", "s", "i"])
    table = anova_lm(smf.ols("d ~ C(s) + C(i)", frame).fit())
    squares = table["sum_sq"] / table["df"]
    combined = squares["C(s)"] + squares["C(i)"] - squares["Residual"]
    freedom = combined**2 / (squares**2 / table["df"]).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(combined / differences.size)
    found = intervals.for_new_images(differences)
    assert found is not None
    assert (found.high - found.low) / 2 == pytest.approx(half)


def test_the_variance_for_new_images_is_never_less_than_that_over_seeds() -> None:
    alike = np.random.default_rng(0).normal(0, 0.1, (8, 1)) + np.random.default_rng(1).normal(0, 1e-9, (8, 50))
    found, by_seed = intervals.for_new_images(alike), intervals.for_these_images(alike.mean(axis=1))
    assert found is not None
    assert by_seed is not None
    assert found.high - found.low >= 0.99 * (by_seed.high - by_seed.low)


@settings(deadline=None, max_examples=30)
@given(values)
def test_the_sign_flip_p_is_the_share_of_all_flips_whose_mean_is_as_far_from_zero(differences: Array) -> None:
    flips = np.array(list(itertools.product([1, -1], repeat=len(differences))))
    means = (flips * differences).mean(axis=1)
    found = abs(differences.mean())
    upper = (means >= found - 1e-12).mean()
    assert intervals.sign_flip_p(differences) == pytest.approx(min(1.0, 2 * upper), abs=1e-9)


def test_the_least_p_is_two_over_the_number_of_flips() -> None:
    for count in (6, 12):
        assert intervals.sign_flip_p(np.linspace(1, 2, count)) == pytest.approx(2 / 2**count)


def test_many_pairs_take_drawn_flips_and_give_the_same_p_each_time() -> None:
    differences = np.random.default_rng(0).normal(0.2, 1, 30)
    p = intervals.sign_flip_p(differences)
    assert p == intervals.sign_flip_p(differences)
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.03)


@pytest.mark.parametrize(("variants", "least"), [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (8, 9)])
def test_the_least_number_of_seeds_is_that_with_which_holm_can_say_anything(variants: int, least: int) -> None:
    assert intervals.least_seeds(variants) == least
    assert 2 * variants / 2**least < 0.05 <= 2 * variants / 2 ** (least - 1)


@pytest.mark.slow
def test_the_smallest_effect_is_shown_by_80_of_100_studies() -> None:
    random = np.random.default_rng(0)
    effect = intervals.smallest_effect(np.array([-1.0, 1.0] * 6) / np.std([-1.0, 1.0] * 6, ddof=1))
    assert effect is not None
    shown = [stats.ttest_1samp(random.normal(effect, 1, 12), 0).pvalue < 0.05 for _ in range(2000)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.05)
    flipped = [intervals.sign_flip_p(random.normal(effect, 1, 12)) < 0.05 for _ in range(500)]
    assert np.mean(flipped) == pytest.approx(0.8, abs=0.05)


def test_the_seeds_that_would_show_an_effect_are_the_fewest_that_do() -> None:
    differences = np.random.default_rng(0).normal(0, 1, 12)
    needed = intervals.seeds_to_show(differences, 0.5)
    assert needed is not None
    spread = differences.std(ddof=1)
    assert intervals._detectable(needed) * spread <= 0.5 < intervals._detectable(needed - 1) * spread
    assert intervals.seeds_to_show(differences, 1e-6) is None


def test_one_pair_or_none_gives_no_interval() -> None:
    for count in (0, 1):
        assert intervals.for_these_images(np.zeros(count)) is None
        assert intervals.for_new_images(np.zeros((count, 5))) is None
        assert intervals.smallest_effect(np.zeros(count)) is None
