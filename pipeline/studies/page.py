"""The pages of the studies: one for each, and one over all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from pipeline.figures import style, trials
from pipeline.page.page import data_url, embed, render
from pipeline.studies import forms, pictures, summary, tables
from pipeline.studies.measures import MEASURES
from pipeline.studies.tables import Results

STUDY = Path(__file__).with_name("study.html.jinja")
OVERVIEW = Path(__file__).with_name("overview.html.jinja")
FORMS = {
    "CSV": ("csv", "text/csv", forms.table_csv),
    "Markdown": ("md", "text/markdown", forms.table_markdown),
    "LaTeX": ("tex", "application/x-tex", forms.table_latex),
}


def render_study(results: Results, seconds: pd.DataFrame | None) -> str:
    """Return the page of a study; `seconds` of training has the columns variant, seed, seconds."""
    study = results.verdicts
    arms = {arm["name"]: arm for arm in study["arms"]}
    reference = pd.DataFrame(study["reference"]) if study["reference"] else None
    timed = None if seconds is None else results.trials.merge(seconds, on=["variant", "seed"])
    setting = pictures.by_setting(results)
    return render(
        _shared()
        | {
            "study": study,
            "measure": MEASURES[results.deciding],
            "decisions": results.decisions,
            "trials_told": summary.trials_told(results),
            "power": summary.power_told(results),
            "changes": {
                name: summary.changes(arm, arms[arm["baseline"]]) if arm["baseline"] else []
                for name, arm in arms.items()
            },
            "verdicts": tables.verdict_table(results),
            "short_verdicts": tables.short_verdict_table(results),
            "arms": tables.arm_table(results),
            "reference": tables.reference_table(results),
            "trials": tables.trial_table(results),
            "forest": drawn(pictures.forest(results)) if results.with_interval else None,
            "slopes": drawn(pictures.slopes(results)) if results.with_interval else None,
            "setting": setting and drawn(setting),
            "time": None if timed is None or timed.empty else drawn(pictures.time(timed, results.deciding)),
            "spread": None if results.curves.empty else drawn(trials.draw_spread(results.curves, reference)),
        },
        STUDY,
    )


def render_overview(studies: Sequence[Results], address: str = "{}.html") -> str:
    """Return the page over all studies; `address` is that of a study's page, seen from this one."""
    table = pictures.separation_trials(studies)
    arms = table.groupby(["study", "variant"], sort=False)[["accuracy", "auroc"]].mean()
    over_trials, over_arms = (pictures.rank_correlation(some) for some in (table, arms))
    return render(
        _shared()
        | {
            "studies": [
                (results, address.format(quote(results.verdicts["study"])), results.decisions) for results in studies
            ],
            "trials": len(table),
            "arms": len(arms),
            "over_trials": over_trials,
            "over_arms": over_arms,
            "separation": drawn(trials.draw_separation(table, over_trials and over_trials[0])) if len(table) else None,
        },
        OVERVIEW,
    )


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
