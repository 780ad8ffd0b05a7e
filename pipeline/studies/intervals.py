"""What a difference between two arms may be, from its values by seed: intervals, a test, what it could have shown."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE, LEVEL, POWER = 0.95, 0.05, 0.8
EXACT = 16  # pairs up to which every flip of signs is tried; beyond them that many are drawn
DRAWN_FLIPS = 2**16
MOST_SEEDS = 1000  # that are counted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """From low to high."""

    low: float
    high: float


def for_these_images(differences: Array) -> Interval | None:
    """Return Student's 95 % interval of the mean of differences by seed (k,), None of fewer than two."""
    if len(differences) < 2:
        return None
    return _around(float(differences.mean()), float(differences.var(ddof=1) / len(differences)), len(differences) - 1)


def for_new_images(differences: Array) -> Interval | None:
    """Return the 95 % interval of the mean for other images of the same kind, of differences (k seeds, n images).

    Two-way random effects without replication: Searle, Casella and McCulloch, Variance Components (1992). The degrees
    of freedom are Satterthwaite's, Biometrics Bulletin 2 (1946). The variance is never less than that over seeds alone.
    """
    seeds, images = differences.shape
    if seeds < 2 or images < 2:
        return None
    mean, by_seed, by_image = differences.mean(), differences.mean(axis=1), differences.mean(axis=0)
    of_seeds = images * ((by_seed - mean) ** 2).sum() / (seeds - 1)
    of_images = seeds * ((by_image - mean) ** 2).sum() / (images - 1)
    rest = differences - by_seed[:, None] - by_image + mean
    of_rest = (rest**2).sum() / ((seeds - 1) * (images - 1))
    combined = of_seeds + of_images - of_rest
    if combined <= of_seeds:
        return _around(float(mean), float(of_seeds / differences.size), seeds - 1)
    freedom = combined**2 / (
        of_seeds**2 / (seeds - 1)
        + of_images**2 / (images - 1)
        + of_rest**2 / ((seeds - 1) * (images - 1))
    )  # fmt: skip
    return _around(float(mean), float(combined / differences.size), float(freedom))


def sign_flip_p(differences: Array) -> float:
    """Return the two-sided p of differences by seed (k,) under flips of their signs: all of them, up to 16 pairs."""
    if not differences.any():
        return 1.0
    found = stats.permutation_test(
        (np.round(differences, 12),),  # what rounding alone tells apart is a tie
        lambda values, axis: values.mean(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=np.inf if len(differences) <= EXACT else DRAWN_FLIPS, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.pvalue)


def least_seeds(variants: int) -> int:
    """Return the fewest seeds with which so many variants can differ from chance at the level of 5 % under Holm."""
    return math.floor(math.log2(2 * max(variants, 1) / LEVEL)) + 1


def smallest_effect(differences: Array) -> float | None:
    """Return the difference that a paired t test on so many seeds shows with a power of 80 %."""
    if len(differences) < 2:
        return None
    return float(_detectable(len(differences)) * differences.std(ddof=1))


def seeds_to_show(differences: Array, worth: float) -> int | None:
    """Return how many seeds would show a difference of `worth` with a power of 80 %; None where more than 1,000."""
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    if len(differences) < 2 or _detectable(MOST_SEEDS) * spread > worth:
        return None
    few, enough = 1, MOST_SEEDS
    while enough - few > 1:
        between = (few + enough) // 2
        few, enough = (few, between) if _detectable(between) * spread <= worth else (between, enough)
    return enough


@lru_cache
def _detectable(seeds: int) -> float:
    """Return the smallest detectable difference of so many seeds, in standard deviations."""
    from statsmodels.stats.power import TTestPower  # takes a second to load

    # a number, or an array of one where its first way to the root fails
    return float(np.asarray(TTestPower().solve_power(nobs=seeds, alpha=LEVEL, power=POWER)).item())


def _around(mean: float, variance: float, freedom: float) -> Interval:
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(variance)
    return Interval(mean - half, mean + half)
