"""What a study found, as the small files that are committed: trials, curves, verdicts, and how they read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import params
from pipeline.data import files
from pipeline.metrics.scores import SMALLEST
from pipeline.studies import library, page, pictures, tables
from pipeline.studies.measures import MEASURES
from pipeline.studies.outcome import Outcome
from pipeline.studies.references import against_itself, against_published
from pipeline.studies.spec import FOLDER, Arm, Measured, Study
from pipeline.studies.summary import summary
from pipeline.studies.verdict import Comparison, judge

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")

# the outcomes of a study: by the arm's name, a trial for each seed from 0 up
Outcomes = Mapping[str, Sequence[Outcome]]


def folder(name: str) -> Path:
    """Return where the results of a study lie."""
    return FOLDER / "results" / name


def trials(outcomes: Outcomes) -> pd.DataFrame:
    """Return one row a trial: variant, seed, every measure, and why it failed, if it did."""
    rows = [
        {"variant": arm, "seed": seed}
        | {measure: outcome.scores.get(measure) for measure in MEASURES}
        | {"failed": outcome.failed}
        for arm, of_arm in outcomes.items()
        for seed, outcome in enumerate(of_arm)
    ]
    return pd.DataFrame(rows)


def curves(outcomes: Outcomes) -> pd.DataFrame:
    """Return one row an arm and epoch: how many seeds came so far, and each curve's mean, lowest and highest."""
    tables = []
    for arm, of_arm in outcomes.items():
        histories = pd.concat([outcome.history for outcome in of_arm], ignore_index=True)
        if histories.empty:
            continue
        by_epoch = histories.astype({"epoch": int}).groupby("epoch")
        table = pd.DataFrame({"variant": arm, "seeds": by_epoch.size()})
        for name in CURVES:
            for statistic, column in {"mean": "mean", "min": "lowest", "max": "highest"}.items():
                table[f"{name}_{column}"] = by_epoch[name].agg(statistic)
        tables.append(table.reset_index()[["variant", "epoch", *table.columns[1:]]])
    return pd.concat(tables, ignore_index=True)


def per_image(outcome: Outcome, measure: str, labels: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return what a measure is of each image, where it is their mean: (n,)."""
    match measure:
        case "test_accuracy":
            return np.asarray(outcome.predicted == labels, np.float64)
        case "test_loss":
            of_label = outcome.probability_of_label.astype(np.float64)
            clipped: NDArray[np.float64] = np.clip(of_label, SMALLEST, 1 - SMALLEST)
            return np.asarray(-np.log(clipped), np.float64)
        case "shift_4_accuracy":
            return outcome.shifted.astype(np.float64)
    return None


def comparison(arm: Arm, measured: Measured, outcomes: Outcomes, labels: NDArray[np.uint8]) -> Comparison:
    """Return what a verdict needs of two arms: the pairs of trials of which neither failed."""
    assert arm.baseline  # it is a variant
    pairs = list(zip(outcomes[arm.baseline], outcomes[arm.name], strict=True))
    whole = [pair for pair in pairs if all(outcome.scores.get(measured.name) is not None for outcome in pair)]
    baseline, variant = (
        np.array([pair[side].scores[measured.name] for pair in whole], dtype=np.float64) for side in (0, 1)
    )
    images = [[per_image(outcome, measured.name, labels) for outcome in pair] for pair in whole]
    differences = [after - before for before, after in images if before is not None and after is not None]
    return Comparison(
        variant=arm.name,
        baseline=arm.baseline,
        measure=measured.name,
        better=measured.better,
        worth=measured.worth,
        baseline_values=baseline,
        variant_values=variant,
        per_image=np.stack(differences) if differences else None,
        failed=sum(bool(outcome.failed) for pair in pairs for outcome in pair),
    )


def reference(study: Study, of_baseline: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return where published values lie among the baseline's trials, epoch by epoch where there is a curve."""
    found = []
    for measure, published in study.reference.items():
        by_epoch = isinstance(published, tuple)
        for number, value in enumerate(published if isinstance(published, tuple) else [published]):
            values = [
                outcome.history[measure].iloc[number] if by_epoch else outcome.scores[measure]
                for outcome in of_baseline
                if not outcome.failed and (not by_epoch or number < len(outcome.history))
            ]
            entry = against_published(np.array(values, dtype=np.float64), value)
            found.append({"measure": measure, "epoch": number + 1 if by_epoch else None} | entry)
    return found


def write(
    name: str, study: Study, arms: Sequence[Arm], outcomes: Outcomes, labels: NDArray[np.uint8], origin: dict[str, str]
) -> tables.Results:
    """Write the results of a study, and return them.

    `origin` names the hashes of the data and of the code.
    """
    of_baseline = outcomes[arms[0].name]
    comparisons = [comparison(arm, measured, outcomes, labels) for measured in study.measures for arm in arms[1:]]
    deciding = study.measures[0]
    values = np.array([o.scores[deciding.name] for o in of_baseline if not o.failed], dtype=np.float64)
    table = trials(outcomes)
    found: dict[str, Any] = {
        "study": name,
        "question": study.question,
        "claim": study.claim,
        "arms": [
            arm.model_dump(mode="json", include={"name", "baseline", "changes"})
            | {"parameters": max(outcome.parameters for outcome in outcomes[arm.name])}
            for arm in arms
        ],
        "seeds": study.seeds,
        "vary": list(study.vary),
        "measures": [measured.model_dump(mode="json") for measured in study.measures],
        "trials": len(table),
        "failed": int((table["failed"] != "").sum()),
        "test_images": len(labels),
        "settings": params.flat(arms[0].settings, library.SECTIONS),
        "verdicts": [asdict(verdict) for verdict in judge(comparisons)],
        "null": against_itself(values, deciding.better, deciding.worth) if study.against_itself else None,
        "reference": reference(study, of_baseline) or None,
        **origin,
        "versions": library.versions(),
    }
    place = folder(name)
    files.write_text(place / "trials.csv", table.to_csv(index=False))
    files.write_text(place / "curves.csv", curves(outcomes).to_csv(index=False))
    files.write_json(place / "verdicts.json", found)
    read = tables.read(place)
    files.write_text(place / "summary.md", summary(read))
    if found["verdicts"]:
        files.write_bytes(place / "forest.svg", page.drawn(pictures.forest(read)))
    return read
