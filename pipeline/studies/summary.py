"""Studies in short, as Markdown."""

import json
from collections.abc import Iterable
from typing import Any

from pipeline.studies.forms import plain, table_markdown
from pipeline.studies.measures import MEASURES
from pipeline.studies.tables import Results, arm_table, level, reference_table, told


def trials_told(results: Results) -> str:
    """Return how many trials there were, and how many of them failed."""
    trials, failed = results.verdicts["trials"], results.verdicts["failed"]
    return f"{trials:,} trials, {f'{failed:,} of them failed' if failed else 'none failed'}."


def power_told(results: Results) -> str:
    """Return the smallest effect that the seeds can show, and how much pairing them helps; empty where unknown."""
    unit = MEASURES[results.deciding].unit
    effects = [one["smallest_effect"] for one in results.decisions if one["smallest_effect"] is not None]
    correlations = [one["correlation"] for one in results.decisions if one["correlation"] is not None]
    sentences = []
    if effects:
        size = _range(told(min(effects), results.deciding), told(max(effects), results.deciding))
        sentences.append(f"The smallest effect that these seeds can show, four times in five, is {size} {unit}".strip())
    if correlations:
        low, high = (f"{value:.2f}" for value in (min(correlations), max(correlations)))
        sentences.append(f"Over the seeds the arms of a pair correlate by {_range(low, high)}")
    return " ".join(f"{sentence}." for sentence in sentences)


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def summary(results: Results) -> str:
    """Return a study in short as Markdown: its question, its claim, its verdicts, its arms."""
    study = results.verdicts
    lines = [plain(one["sentence"]) for one in results.decisions]
    lines += [plain(study["null"]["sentence"])] if study["null"] else []
    parts = [f"# {plain(study['study'])}", plain(study["question"])]
    parts += [f"The article's claim: {plain(study['claim'])}"] if study["claim"] else []
    parts += ["\n".join(f"- {line}" for line in lines)] if lines else []
    parts += [power_told(results)] if power_told(results) else []
    parts += [trials_told(results), f"By {MEASURES[results.deciding].title}:", table_markdown(arm_table(results))]
    parts += [table_markdown(reference_table(results))] if study["reference"] else []
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def changes(arm: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    """Return the settings in which an arm differs from its baseline, as `key=value`."""
    return [
        f"{key}={json.dumps(value)}"
        for key, value in arm["changes"].items()
        if key not in baseline["changes"] or baseline["changes"][key] != value
    ]


def readme_table(studies: Iterable[Results]) -> str:
    """Return the README's table as Markdown: a row a variant of each study, by the measure that decides."""
    rows = []
    for results in studies:
        arms = {arm["name"]: arm for arm in results.verdicts["arms"]}
        for one in results.decisions:
            measure, unit = one["measure"], MEASURES[one["measure"]].unit
            low, high = told(one["low"], measure, "+"), told(one["high"], measure, "+")
            changed = changes(arms[one["variant"]], arms[one["baseline"]])
            rows.append(
                [
                    plain(results.verdicts["study"]),
                    plain(one["variant"]),
                    " ".join(f"`{change}`".replace("|", "\\|") for change in changed),
                    level(one["variant_mean"], measure),
                    level(one["baseline_mean"], measure),
                    f"{told(one['difference'], measure, '+')} {unit}".strip() + f" [{low}, {high}]",
                    str(one["seeds"]),
                    plain(one["verdict"]),
                ]
            )
    head = ["study", "variant", "changed settings", "mean", "baseline", "difference, 95 % interval", "seeds", "verdict"]
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * len(head), *rows])
