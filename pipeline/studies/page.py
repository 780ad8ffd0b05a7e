"""The pages of the studies: one for each, and one over all."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from scipy import stats

from pipeline.figures import studies as figures
from pipeline.figures import style
from pipeline.page.page import data_url, embed, render
from pipeline.studies import tables
from pipeline.studies.measures import MEASURES
from pipeline.studies.tables import Results

STUDY = Path(__file__).with_name("study.html.jinja")
OVERVIEW = Path(__file__).with_name("overview.html.jinja")
FORMS = {
    "CSV": ("csv", "text/csv", tables.table_csv),
    "Markdown": ("md", "text/markdown", tables.table_markdown),
    "LaTeX": ("tex", "application/x-tex", tables.table_latex),
}


def render_study(results: Results, seconds: pd.DataFrame | None) -> str:
    """Return the page of a study; `seconds` of training has the columns variant, seed, seconds."""
    study = results.verdicts
    arms = {arm["name"]: arm for arm in study["arms"]}
    reference = pd.DataFrame(study["reference"]) if study["reference"] else None
    timed = None if seconds is None else results.trials.merge(seconds, on=["variant", "seed"])
    setting = by_setting(results)
    return render(
        _shared()
        | {
            "study": study,
            "measure": MEASURES[results.deciding],
            "decisions": results.decisions,
            "trials_told": tables.trials_told(results),
            "changes": {
                name: tables.changes(arm, arms[arm["baseline"]]) if arm["baseline"] else []
                for name, arm in arms.items()
            },
            "verdicts": tables.verdict_table(results),
            "arms": tables.arm_table(results),
            "reference": tables.reference_table(results),
            "trials": tables.trial_table(results),
            "forest": drawn(forest(results)) if results.decisions else None,
            "slopes": drawn(slopes(results)) if results.decisions else None,
            "setting": setting and drawn(setting),
            "time": None if timed is None or timed.empty else drawn(time(timed, results.deciding)),
            "spread": None if results.curves.empty else drawn(figures.draw_spread(results.curves, reference)),
        },
        STUDY,
    )


def render_overview(studies: Sequence[Results], address: str = "{}.html") -> str:
    """Return the page over all studies; `address` is that of a study's page, seen from this one."""
    trials = separation_trials(studies)
    arms = trials.groupby(["study", "variant"], sort=False)[["accuracy", "auroc"]].mean()
    over_trials, over_arms = (rank_correlation(table["accuracy"], table["auroc"]) for table in (trials, arms))
    return render(
        _shared()
        | {
            "studies": [
                (results, address.format(quote(results.verdicts["study"])), results.decisions) for results in studies
            ],
            "trials": len(trials),
            "arms": len(arms),
            "over_trials": over_trials,
            "over_arms": over_arms,
            "separation": drawn(figures.draw_separation(trials, over_trials and over_trials[0]))
            if len(trials)
            else None,
        },
        OVERVIEW,
    )


def forest(results: Results) -> Figure:
    """Return the forest plot of the measure that decides. Raises ValueError where the study has no variants."""
    if not results.decisions:
        raise ValueError(f"{results.verdicts['study']}: no variants, so no differences")
    measure, first = MEASURES[results.deciding], results.decisions[0]
    numbers = ["difference", "low", "high", "low_new", "high_new"]
    table = pd.DataFrame(results.decisions)
    table[numbers] = table[numbers].astype(float) * measure.scale
    table["variant"] = [_label(one) for one in results.decisions]
    worth = first["worth"] * measure.scale
    return figures.draw_forest(table, measure.title, measure.unit, measure.digits, worth, first["better"])


def _label(one: dict[str, Any]) -> str:
    """Return a variant's name, and its baseline's where that is not the study's."""
    return one["variant"] + ("" if one["baseline"] == "baseline" else f", against {one['baseline']}")


def slopes(results: Results) -> Figure:
    """Return the paired slopes of the measure that decides: of each variant the seeds that both arms finished."""
    wide = results.trials.pivot(index="seed", columns="variant", values=results.deciding)
    pairs = {_label(one): wide[[one["baseline"], one["variant"]]].dropna() for one in results.decisions}
    one = MEASURES[results.deciding]
    values = {name: one.scale * pair.to_numpy() for name, pair in pairs.items()}
    title = one.title + (" in %" if one.unit == "points" else "")
    return figures.draw_slopes(values, title, results.decisions[0]["better"])


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
    return figures.draw_setting(table, next(iter(keys)), measure.title, share=measure.unit == "points")


def time(timed: pd.DataFrame, measure: str) -> Figure:
    """Return a measure against seconds of training, a point a trial."""
    table = timed[["variant", "seconds", measure]].set_axis(["arm", "seconds", "value"], axis="columns").dropna()
    return figures.draw_time(table, MEASURES[measure].title, share=MEASURES[measure].unit == "points")


def separation_trials(studies: Iterable[Results]) -> pd.DataFrame:
    """Return the accuracy and the AUROC of every trial that has them; one that several studies share counts once.

    The columns: study, variant, accuracy, auroc.
    """
    trials = pd.concat([results.trials.assign(study=results.verdicts["study"]) for results in studies])
    scored = trials.dropna(subset=["test_accuracy", "misclassification_auroc"]).drop_duplicates(list(MEASURES))
    chosen = scored[["study", "variant", "test_accuracy", "misclassification_auroc"]].reset_index(drop=True)
    return chosen.set_axis(["study", "variant", "accuracy", "auroc"], axis="columns")


def rank_correlation(first: pd.Series, second: pd.Series) -> tuple[float, float] | None:
    """Return Spearman's correlation and its p, or None where fewer than three points or one value are no base for it."""
    if len(first) < 3 or first.nunique() < 2 or second.nunique() < 2:
        return None
    result = stats.spearmanr(first, second)
    return float(result.statistic), float(result.pvalue)


def drawn(figure: Figure) -> bytes:
    """Return a figure as SVG."""
    return style.encode(figure, "svg")


def _shared() -> dict[str, Any]:
    """Return what every template uses."""
    return {"kind": tables.kind, "drawing": drawing, "downloads": downloads}


def drawing(svg: bytes, alt: str, caption: str = "") -> Markup:
    """Return a figure element with an SVG inside it, which scrolls where the page is narrow."""
    return Markup('<div class="wide drawing">{}</div>').format(embed(svg, "image/svg+xml", alt, caption))


def downloads(table: pd.DataFrame, name: str) -> Markup:
    """Return links to a table's content, in each form in which it is taken away."""
    link = Markup('<a download="{}.{}" href="{}">{}</a>')
    links = [
        link.format(name, ending, data_url(write(table).encode(), media_type), form)
        for form, (ending, media_type, write) in FORMS.items()
    ]
    return Markup('<p class="note">Take this table away: {}</p>').format(Markup(", ").join(links))
