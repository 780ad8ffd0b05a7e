"""What a study without variants asks: how often trials of one setting differ, and where published values lie."""

from typing import Any

import numpy as np
from scipy import stats

from pipeline.studies import intervals
from pipeline.studies.intervals import Array
from pipeline.studies.verdict import OPEN, SAME, word_for


def against_itself(values: Array, better: str, worth: float, splits: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Return how often trials of one and the same setting (m,), split at random into pairs, give a false alarm."""
    random = np.random.default_rng(seed)
    pairs = len(values) // 2
    halves = random.permuted(np.tile(values, (splits, 1)), axis=1)[:, : 2 * pairs]
    differences = halves[:, :pairs] - halves[:, pairs:]
    alarms = 0
    for of_split in differences:
        interval = intervals.for_these_images(of_split)
        assert interval  # the file's check wants at least two pairs
        word = word_for(interval.low, interval.high, intervals.sign_flip_p(of_split), better, worth)
        alarms += word not in (SAME, OPEN)
    share = alarms / splits
    error = float(np.sqrt(share * (1 - share) / splits))
    return {
        "splits": splits,
        "pairs": pairs,
        "trials": len(values),
        "false_alarms": share,
        "standard_error": error,
        "largest_difference": float(np.abs(differences.mean(axis=1)).max()),
        "sentence": f"{len(values)} trials of one setting, split {splits:,} times into {pairs} pairs: a difference is "
        f"claimed in {100 * share:.1f} % of the splits (standard error {100 * error:.1f}), where there is none",
    }


def against_published(values: Array, published: float) -> dict[str, Any]:
    """Return where a published value lies among those of the seeds (k,): Student's 95 % interval of one more run."""
    spread = float(values.std(ddof=1))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * spread * float(np.sqrt(1 + 1 / len(values)))
    return {
        "published": published,
        "mean": float(values.mean()),
        "sd": spread,
        "low": float(values.mean() - half),
        "high": float(values.mean() + half),
        "below": int((values < published).sum()),
        "seeds": len(values),
    }
