"""Results of studies that nobody ran, as plausible as they need to be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.studies.measures import MEASURES
from pipeline.studies.tables import Results

SETTINGS = {
    "fetch.dataset": "mnist", "prepare.train_size": 20000, "prepare.seed": None, "model.filters": [32],
    "model.dropout": 0.25, "model.dense_dropout": 0.5, "train.epochs": 6, "train.seed": 0,
}  # fmt: skip
DETERMINED = [
    *["no difference that matters", "better, by more than matters"],
    *["better; whether by enough to matter is open", "worse, by more than matters"],
    *["worse; whether by enough to matter is open", "cannot tell"],
]
LOSSES = {"test_loss", "val_loss", "loss", "confidence_wrong"}


def study(
    name: str = "dropout",
    effects: dict[str, float] | None = None,
    seeds: int = 8,
    failed: bool = False,
    epochs: int = 6,
    measures: tuple[str, ...] = ("test_accuracy", "test_loss", "shift_4_accuracy"),
    changes: dict[str, dict[str, Any]] | None = None,
    **others: Any,
) -> Results:
    """A study whose variants add `effects` to the accuracy; one trial of the last arm failed where `failed`."""
    random = np.random.default_rng(len(name))
    effects = {"dropout off": 0.0046} if effects is None else effects
    levels = {"baseline": 0.9665} | {variant: 0.9665 + effect for variant, effect in effects.items()}
    common = random.normal(0, 0.0008, seeds)
    rows = [
        {"variant": arm, "seed": seed, **scores(level + common[seed], random), "failed": ""}
        for arm, level in levels.items()
        for seed in range(seeds)
    ]
    if failed:
        rows[-1] |= dict.fromkeys(MEASURES, np.nan) | {"failed": "the loss is not a number after epoch 2"}
    trials = pd.DataFrame(rows)
    told = {"study": name, "question": f"What does {name} do to the network of the article?", "claim": None} | {
        "arms": [{"name": "baseline", "baseline": None, "changes": {}, "parameters": 54410}]
        + [
            {"name": arm, "baseline": "baseline", "parameters": 54410,
             "changes": (changes or {}).get(arm, {"model.dropout": 0.0, "model.dense_dropout": 0.0})}
            for arm in effects
        ],
        "seeds": seeds,
        "vary": ["train.seed", "prepare.seed"],
        "measures": [
            {"name": measure, "better": "lower" if measure in LOSSES else "higher",
             "worth": 0.01 if measure in LOSSES else 0.002}
            for measure in measures
        ],
        "trials": len(trials),
        "failed": int(failed),
        "test_images": 10000,
        "settings": SETTINGS,
        "null": None,
        "reference": None,
        "data": "0" * 64,
        "code": "1" * 64,
        "versions": {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.0"},
    }  # fmt: skip
    told["verdicts"] = [
        verdict(trials, arm, measure["name"], measure["better"], measure["worth"])
        for measure in told["measures"]
        for arm in effects
    ]
    return Results(trials, curves(levels, seeds, epochs, random), told | others)


def scores(accuracy: float, random: np.random.Generator) -> dict[str, float]:
    """What a trial of about this accuracy scores."""
    accuracy = round(float(np.clip(accuracy + random.normal(0, 0.0007), 0.05, 0.9999)), 4)
    loss = round(-0.13 * np.log10(1 - accuracy) ** -1 + 0.02 + random.normal(0, 0.002), 6)
    auroc = 0.9 + 0.02 * -np.log10(1 - accuracy) + random.normal(0, 0.003)
    values = [accuracy, loss, accuracy - 0.001, loss + 0.004, accuracy - 0.01, loss + 0.05, auroc, 0.96, 0.65]
    return dict(
        zip(MEASURES, [*(round(float(value), 6) for value in values), round(0.8 * accuracy - 0.1, 6)], strict=True)
    )


def verdict(trials: pd.DataFrame, arm: str, measure: str, better: str, worth: float) -> dict[str, Any]:
    """A verdict by Student's t, near enough to a real one."""
    wide = trials.pivot_table(measure, "seed", "variant")[["baseline", arm]].dropna()
    difference = wide[arm] - wide["baseline"]
    middle, error, k = difference.mean(), difference.std() / np.sqrt(len(difference)), len(difference)
    low, high = (middle + sign * stats.t.ppf(0.975, k - 1) * error for sign in (-1, 1))
    sign = 1 if better == "higher" else -1
    least, most = sorted((sign * low, sign * high))
    kind = (
        0 if -worth < least and most < worth else 1 if least > worth else 2 if least > 0
        else 3 if most < -worth else 4 if most < 0 else 5
    )  # fmt: skip
    kind_of = MEASURES[measure]
    share = float((sign * difference > 0).mean() + 0.5 * (difference == 0).mean())
    lost = int((trials[trials["variant"].isin(["baseline", arm])]["failed"] != "").sum())
    numbers = [f"{kind_of.scale * value:+.{kind_of.digits}f}" for value in (middle, low, high)]
    return {
        "variant": arm, "baseline": "baseline", "measure": measure, "better": better, "worth": worth,
        "seeds": k, "failed": lost,
        "baseline_mean": wide["baseline"].mean(), "variant_mean": wide[arm].mean(), "difference": middle,
        "low": low, "high": high, "p": 2 / 2**k, "p_holm": min(1, 4 / 2**k),
        **({"low_new": None, "high_new": None} if measure == "shift_4_accuracy"
           else {"low_new": low - worth / 2, "high_new": high + worth / 2}),
        "better_share": share, "better_low": max(0, share - 0.2), "better_high": min(1, share + 0.2),
        "correlation": float(wide.corr().iloc[0, 1]), "smallest_effect": 3 * error, "seeds_needed": 22,
        "verdict": DETERMINED[kind],
        "sentence": f"{arm}: {numbers[0]} {kind_of.unit or 'in ' + kind_of.title} [{numbers[1]}, {numbers[2]}], "
                    f"better in {share * k:g} of {k} seeds, p = {2 / 2**k:.2g}: {DETERMINED[kind]}"
                    + (f"; {lost} of its trials failed" if lost else ""),
    }  # fmt: skip


def curves(levels: dict[str, float], seeds: int, epochs: int, random: np.random.Generator) -> pd.DataFrame:
    """Curves that end near each arm's accuracy."""
    rows = []
    for arm, level in levels.items():
        for epoch in range(1, epochs + 1):
            wrong = min(0.87, (1 - level) * (1 + 1.6 / epoch**1.3) * 0.75)
            means = {"loss": 2.7 * wrong, "accuracy": 1 - wrong, "val_loss": 2.6 * wrong, "val_accuracy": 1 - wrong}
            row = {"variant": arm, "epoch": epoch, "seeds": seeds}
            for name, mean in means.items():
                half = abs(random.normal(0.05, 0.01)) * wrong
                row |= {f"{name}_mean": mean, f"{name}_lowest": mean - half, f"{name}_highest": mean + half}
            rows.append(row)
    return pd.DataFrame(rows)


def null() -> Results:
    """The baseline against itself."""
    return study("null", {}, seeds=24, null={
        "splits": 2000, "pairs": 12, "trials": 24, "false_alarms": 0.034, "standard_error": 0.004,
        "largest_difference": 0.0012,
        "sentence": "the baseline against itself: 3.4 % of 2000 splits into 12 pairs differ, at most 5 % may",
    })  # fmt: skip


def article() -> Results:
    """Where published values lie among seeds."""
    published = {"val_accuracy": [0.9171, 0.9425, 0.9548, 0.9620, 0.9660, 0.9685],
                 "val_loss": [0.2958, 0.2093, 0.1689, 0.1385, 0.1216, 0.1103]}  # fmt: skip
    reference = [
        {"measure": measure, "epoch": epoch, "published": value, "mean": value - 0.002, "sd": 0.001,
         "low": value - 0.0042, "high": value + 0.0002, "below": 17, "seeds": 20}
        for measure, values in published.items()
        for epoch, value in enumerate(values, 1)
    ]  # fmt: skip
    scalar = {"measure": "test_accuracy", "epoch": None, "published": 0.9685}
    reference.append(reference[0] | scalar)
    return study("article", {}, seeds=20, reference=reference)


def several() -> Results:
    """Nine variants, one of which fails once and one of which learns nothing."""
    effects = {
        "frozen, the article's kernels": -0.8530,
        "frozen random kernels of both signs": -0.0303,
        "frozen edge kernels: the Laplacian, Sobel and Prewitt first": -0.0077,
        "L1 (LASSO)": 0.0002,
        "L2 (ridge)": 0.0,
        "batch normalisation": 0.0089,
        "early stopping after three epochs without a lower validation loss, of at most forty": 0.0136,
        "a_name & <b>another</b>, 50 % of $x_1$": 0.0022,
        "deeper": 0.0191,
    }
    return study("kernels", effects, seeds=9, failed=True, claim="Kernels & layers <matter> for 100 % of it.")


def sizes() -> Results:
    """Accuracy by the number of training images."""
    accuracies = {1000: 0.8695, 2000: 0.9061, 5000: 0.9381, 10_000: 0.9551, 50_000: 0.9774}
    changes = {f"{size:,} images": {"prepare.train_size": size} for size in accuracies}
    effects = {f"{size:,} images": accuracy - 0.9665 for size, accuracy in accuracies.items()}
    return study("data", effects, seeds=8, changes=changes, claim="More images help.")


def seconds(results: Results) -> pd.DataFrame:
    """Seconds of training of each trial that did not fail."""
    done = results.trials[results.trials["failed"] == ""]
    random = np.random.default_rng(0)
    arms = {arm["name"]: number for number, arm in enumerate(results.verdicts["arms"])}
    taken = (3 + 4 * done["variant"].map(arms)) * random.uniform(0.9, 1.2, len(done))
    return done[["variant", "seed"]].assign(seconds=taken)


ALL = {"dropout": study, "kernels": several, "null": null, "article": article, "data": sizes}


def write(results: Results, folder: Path) -> None:
    """Write a results folder."""
    folder.mkdir(parents=True, exist_ok=True)
    results.trials.to_csv(folder / "trials.csv", index=False)
    results.curves.to_csv(folder / "curves.csv", index=False)
    (folder / "verdicts.json").write_text(json.dumps(results.verdicts, indent=2))
