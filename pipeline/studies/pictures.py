"""A study's results as pictures: which numbers the drawing functions get."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from pipeline.figures import studies, trials
from pipeline.studies.measures import MEASURES
from pipeline.studies.tables import Results


def forest(results: Results) -> Figure:
    """Return the forest plot of the measure that decides. Raises ValueError where no variant has an interval."""
    shown = results.with_interval
    if not shown:
        raise ValueError(f"{results.verdicts['study']}: no variant has a difference with an interval")
    measure = MEASURES[results.deciding]
    numbers = ["difference", "low", "high", "low_new", "high_new"]
    table = pd.DataFrame(shown)
    table[numbers] = table[numbers].astype(float) * measure.scale
    table["variant"] = [_label(one) for one in shown]
    worth = shown[0]["worth"] * measure.scale
    return studies.draw_forest(table, measure.title, measure.unit, measure.digits, worth, shown[0]["better"])


def _label(one: dict[str, Any]) -> str:
    """Return a variant's name, and its baseline's where that is not the study's."""
    return str(one["variant"]) + ("" if one["baseline"] == "baseline" else f", against {one['baseline']}")


def slopes(results: Results) -> Figure:
    """Return the paired slopes of the measure that decides: of each variant the seeds that both arms finished."""
    wide = results.trials.pivot_table(results.deciding, "seed", "variant", dropna=False)
    pairs = {_label(one): wide[[one["baseline"], one["variant"]]].dropna() for one in results.with_interval}
    one = MEASURES[results.deciding]
    values = {name: one.scale * pair.to_numpy() for name, pair in pairs.items()}
    title = one.title + (" in %" if one.unit == "points" else "")
    return studies.draw_slopes(values, title, results.decisions[0]["better"])


def by_setting(results: Results) -> Figure | None:
    """Return the deciding measure against the one number in which all arms differ, or None where they do otherwise."""
    study = results.verdicts
    keys = {key for arm in study["arms"] for key in arm["changes"]}
    values = {arm["name"]: (study["settings"] | arm["changes"]).get(next(iter(keys), "")) for arm in study["arms"]}
    if len(keys) != 1 or len(values) < 3 or not all(type(value) in (int, float) for value in values.values()):
        return None
    groups = results.trials.groupby(results.trials["variant"].map(values))[results.deciding]
    table = groups.agg(mean="mean", lowest="min", highest="max").dropna().rename_axis("value").reset_index()
    measure = MEASURES[results.deciding]
    return trials.draw_setting(table, next(iter(keys)), measure.title, share=measure.unit == "points")


def time(timed: pd.DataFrame, measure: str) -> Figure:
    """Return a measure against seconds of training, a point a trial."""
    table = timed[["variant", "seconds", measure]].set_axis(["arm", "seconds", "value"], axis="columns").dropna()
    return trials.draw_time(table, MEASURES[measure].title, share=MEASURES[measure].unit == "points")


def separation_trials(every: Iterable[Results]) -> pd.DataFrame:
    """Return the accuracy and the AUROC of every trial that has them; one that several studies share counts once.

    The columns: study, variant, accuracy, auroc.
    """
    every_trial = pd.concat([results.trials.assign(study=results.verdicts["study"]) for results in every])
    scored = every_trial.dropna(subset=["test_accuracy", "misclassification_auroc"]).drop_duplicates(list(MEASURES))
    chosen = scored[["study", "variant", "test_accuracy", "misclassification_auroc"]].reset_index(drop=True)
    return chosen.set_axis(["study", "variant", "accuracy", "auroc"], axis="columns")


def rank_correlation(table: pd.DataFrame) -> tuple[float, float] | None:
    """Return Spearman's correlation of accuracy and AUROC, and its p; None where they are too few or all the same."""
    if len(table) < 3 or min(table["accuracy"].nunique(), table["auroc"].nunique()) < 2:
        return None
    result = stats.spearmanr(table["accuracy"], table["auroc"])
    return float(result.statistic), float(result.pvalue)
