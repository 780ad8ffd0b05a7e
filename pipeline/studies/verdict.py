"""Whether a variant is better than what it is compared with, worse, the same for all purposes, or open."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.statistics import wilson_interval
from pipeline.studies import intervals
from pipeline.studies.intervals import LEVEL, Array
from pipeline.studies.measures import MEASURES

SAME = "no difference that matters"
OPEN = "cannot tell"


@dataclass(frozen=True)
class Comparison:
    """The values of two arms, paired by seed (k,), and where a measure has them the differences by image (k, n)."""

    variant: str
    baseline: str
    measure: str
    better: str  # higher or lower
    worth: float  # the smallest difference that matters
    baseline_values: Array
    variant_values: Array
    per_image: NDArray[np.float64] | None = None
    failed: int = 0  # trials of either arm

    @property
    def differences(self) -> Array:
        """Variant minus baseline (k,)."""
        return self.variant_values - self.baseline_values


@dataclass(frozen=True)
class Verdict:
    """What is known of a variant by one measure, all in the measure's own unit."""

    variant: str
    baseline: str
    measure: str
    better: str
    worth: float
    seeds: int  # pairs that count
    failed: int
    baseline_mean: float | None
    variant_mean: float | None
    difference: float | None
    low: float | None  # 95 %, for these test images
    high: float | None
    low_new: float | None  # 95 %, for new images of the same kind
    high_new: float | None
    p: float | None
    p_holm: float | None
    better_share: float | None  # of the seeds, ties half
    better_low: float | None
    better_high: float | None
    correlation: float | None  # of the arms over seeds
    smallest_effect: float | None
    seeds_needed: int | None
    verdict: str
    sentence: str


def judge(comparisons: Sequence[Comparison]) -> list[Verdict]:
    """Return a verdict for each comparison; Holm's correction is over those of the same measure."""
    from statsmodels.stats.multitest import multipletests  # takes a second to load

    verdicts = [_measured(comparison) for comparison in comparisons]
    for measure in {comparison.measure for comparison in comparisons}:
        group = [i for i, one in enumerate(verdicts) if one.measure == measure and one.p is not None]
        if group:
            corrected = multipletests([verdicts[i].p for i in group], method="holm")[1]
            for i, p in zip(group, corrected, strict=True):
                verdicts[i] = replace(verdicts[i], p_holm=float(p))
    return [_told(verdict) for verdict in verdicts]


def _measured(comparison: Comparison) -> Verdict:
    """Return all but what the other variants and the wording decide."""
    differences = comparison.differences
    seeds = len(differences)
    these = intervals.for_these_images(differences)
    new = None if comparison.per_image is None else intervals.for_new_images(comparison.per_image)
    gains = differences if comparison.better == "higher" else -differences
    wins = float((gains > 0).sum() + (gains == 0).sum() / 2)
    better = wilson_interval(wins, seeds) if seeds else None
    varied = seeds > 2 and comparison.baseline_values.std() > 0 and comparison.variant_values.std() > 0
    return Verdict(
        variant=comparison.variant,
        baseline=comparison.baseline,
        measure=comparison.measure,
        better=comparison.better,
        worth=comparison.worth,
        seeds=seeds,
        failed=comparison.failed,
        baseline_mean=float(comparison.baseline_values.mean()) if seeds else None,
        variant_mean=float(comparison.variant_values.mean()) if seeds else None,
        difference=float(differences.mean()) if seeds else None,
        low=these.low if these else None,
        high=these.high if these else None,
        low_new=new.low if new else None,
        high_new=new.high if new else None,
        p=intervals.sign_flip_p(differences) if these else None,
        p_holm=None,
        better_share=wins / seeds if seeds else None,
        better_low=better[0] if better else None,
        better_high=better[1] if better else None,
        correlation=float(np.corrcoef(comparison.baseline_values, comparison.variant_values)[0, 1]) if varied else None,
        smallest_effect=intervals.smallest_effect(differences),
        seeds_needed=intervals.seeds_to_show(differences, comparison.worth),
        verdict="",
        sentence="",
    )


def word_for(low: float, high: float, p: float, better: str, worth: float) -> str:
    """Return the first verdict that fits, for an interval in the measure's own unit and a corrected p.

    Equivalence by an interval inside a region: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    if better == "lower":
        low, high = -high, -low
    if -worth < low and high < worth:
        return SAME
    if p >= LEVEL or low <= 0 <= high:
        return OPEN
    side, nearest = ("better", low) if low > 0 else ("worse", -high)
    return f"{side}, by more than matters" if nearest > worth else f"{side}; whether by enough to matter is open"


def _told(one: Verdict) -> Verdict:
    """Return a verdict with its word and its sentence."""
    failures = f"; {one.failed} of its trials failed" if one.failed else ""
    if one.low is None or one.high is None or one.p_holm is None or one.difference is None:
        return replace(one, verdict=OPEN, sentence=f"{one.variant}: cannot tell, of {one.seeds} seeds{failures}")
    word = word_for(one.low, one.high, one.p_holm, one.better, one.worth)
    measure = MEASURES[one.measure]

    def told(value: float, sign: str = "") -> str:
        return f"{measure.scale * value:{sign}.{measure.digits}f}"

    unit = f" {measure.unit}" if measure.unit else ""
    interval = f"[{told(one.low)}, {told(one.high)}]"
    wins = f"{(one.better_share or 0) * one.seeds:g} of {one.seeds} seeds"
    p = "p < 0.001" if one.p_holm < 0.001 else f"p = {one.p_holm:.3f}"
    needed = f"about {one.seeds_needed}" if one.seeds_needed else f"more than {intervals.MOST_SEEDS:,}"
    open_end = f": {needed} seeds would" if word == OPEN else ""
    return replace(
        one,
        verdict=word,
        sentence=f"{one.variant}: {told(one.difference, '+')}{unit} {interval}, better in {wins}, {p}: "
        f"{word}{open_end}{failures}",
    )
