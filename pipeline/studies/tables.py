"""A study's results as tables of text."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.data import files
from pipeline.studies.measures import MEASURES


@dataclass(frozen=True)
class Results:
    """A folder of results: trials.csv, curves.csv and verdicts.json."""

    trials: pd.DataFrame
    curves: pd.DataFrame
    verdicts: dict[str, Any]

    @property
    def deciding(self) -> str:
        """The measure that decides."""
        return str(self.verdicts["measures"][0]["name"])

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The verdicts by the measure that decides."""
        return [one for one in self.verdicts["verdicts"] if one["measure"] == self.deciding]

    @property
    def with_interval(self) -> list[dict[str, Any]]:
        """The verdicts by the measure that decides, but for variants of which too few trials came to an end."""
        return [one for one in self.decisions if one["low"] is not None]


def read(folder: Path) -> Results:
    """Return the results that lie in a folder."""
    trials = pd.read_csv(folder / "trials.csv", dtype={"variant": str, "failed": str}, keep_default_na=False,
                         na_values={name: [""] for name in MEASURES})  # fmt: skip
    curves = pd.read_csv(folder / "curves.csv", dtype={"variant": str}, keep_default_na=False, na_values=[""])
    return Results(trials, curves, files.read_json(folder / "verdicts.json"))


def kind(verdict: str) -> str:
    """Return a verdict's word: better, worse, no difference that matters, cannot tell."""
    return re.split("[,;:]", verdict)[0]


def level(value: float | None, measure: str) -> str:
    """Return a measured value as it is told: a share in per cent."""
    return told(value, measure) + (" %" if MEASURES[measure].unit == "points" and not pd.isna(value) else "")


def told(value: float | None, measure: str, sign: str = "") -> str:
    """Return a difference, or a measured value, on its measure's scale; a missing one is empty."""
    one = MEASURES[measure]
    return "" if pd.isna(value) else f"{one.scale * value:{sign}.{one.digits}f}"


def _number(value: float | None, form: str = ".2f") -> str:
    return "" if pd.isna(value) else format(value, form)


def verdict_table(results: Results) -> pd.DataFrame:
    """Return every verdict, numbers written out on their measure's scale."""
    return pd.DataFrame(
        {
            "measure": MEASURES[one["measure"]].title,
            "unit": MEASURES[one["measure"]].unit,
            "variant": one["variant"],
            "against": one["baseline"],
            "variant mean": told(one["variant_mean"], one["measure"]),
            "baseline mean": told(one["baseline_mean"], one["measure"]),
            "difference": told(one["difference"], one["measure"], "+"),
            "95 % low": told(one["low"], one["measure"], "+"),
            "95 % high": told(one["high"], one["measure"], "+"),
            "verdict": one["verdict"],
            "new images low": told(one["low_new"], one["measure"], "+"),
            "new images high": told(one["high_new"], one["measure"], "+"),
            "p": _number(one["p"], ".2g"),
            "p (Holm)": _number(one["p_holm"], ".2g"),
            "seeds": str(one["seeds"]),
            "failed": str(one["failed"]),
            "better in": _number(one["better_share"]),
            "better low": _number(one["better_low"]),
            "better high": _number(one["better_high"]),
            "correlation": _number(one["correlation"]),
            "would matter": told(one["worth"], one["measure"]),
            "smallest effect": told(one["smallest_effect"], one["measure"]),
        }
        for one in results.verdicts["verdicts"]
    )


def short_verdict_table(results: Results) -> pd.DataFrame:
    """Return of every verdict what fits on a page."""
    return pd.DataFrame(
        {
            "measure": row["measure"],
            "variant": row["variant"] + ("" if row["against"] == "baseline" else f", against {row['against']}"),
            "difference": f"{row['difference']} [{row['95 % low']}, {row['95 % high']}]" if row["difference"] else "",
            "new images": f"[{row['new images low']}, {row['new images high']}]" if row["new images low"] else "",
            "would matter": row["would matter"],
            "verdict": row["verdict"],
            "p": row["p (Holm)"],
            "better in": row["better in"],
            "smallest effect": row["smallest effect"],
            "correlation": row["correlation"],
        }
        for row in verdict_table(results).to_dict("records")
    )


def arm_table(results: Results) -> pd.DataFrame:
    """Return each arm's mean of the deciding measure, the lowest and highest, its seeds and its failed trials."""
    rows = []
    for arm in results.verdicts["arms"]:
        trials = results.trials[results.trials["variant"] == arm["name"]]
        values = trials[results.deciding].dropna()
        numbers = (values.mean(), values.min(), values.max())
        rows.append(
            {"arm": arm["name"]}
            | {
                name: level(value, results.deciding)
                for name, value in zip(("mean", "lowest", "highest"), numbers, strict=True)
            }
            | {"seeds": str(len(values)), "failed": str(int((trials["failed"] != "").sum()))}
            | {"parameters": f"{arm['parameters']:,}"}
        )
    return pd.DataFrame(rows)


def reference_table(results: Results) -> pd.DataFrame:
    """Return where published values lie among the seeds."""
    return pd.DataFrame(
        {
            "measure": MEASURES[one["measure"]].title,
            "epoch": "" if one["epoch"] is None else str(one["epoch"]),
            "published": level(one["published"], one["measure"]),
            "mean": level(one["mean"], one["measure"]),
            "one more run, low": level(one["low"], one["measure"]),
            "one more run, high": level(one["high"], one["measure"]),
            "inside": "yes" if one["low"] <= one["published"] <= one["high"] else "no",
            "seeds below it": f"{one['below']} of {one['seeds']}",
        }
        for one in results.verdicts["reference"] or []
    )


def trial_table(results: Results) -> pd.DataFrame:
    """Return every trial, numbers as they are told."""
    scores = {
        MEASURES[name].title: [level(value, name) for value in results.trials[name]]
        for name in MEASURES
        if results.trials[name].notna().any()
    }
    return (
        results.trials[["variant", "seed"]].astype(str).assign(**scores, **{"failed because": results.trials["failed"]})
    )
