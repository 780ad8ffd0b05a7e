"""What is made of a study's outcomes: rows, curves, pairs, and where published values lie."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clones import SETTINGS

from pipeline.metrics.scores import cross_entropy
from pipeline.studies import results
from pipeline.studies.measures import MEASURES
from pipeline.studies.outcome import Outcome
from pipeline.studies.spec import Arm, Measured, Study

IMAGES = 40
LABELS = (np.arange(IMAGES) % 10).astype(np.uint8)
FAILED = Outcome(failed="train: the loss of epoch 1 is nan")


def outcome(seed: int, epochs: int = 3, right: float = 0.8) -> Outcome:
    """A trial that is right of about this share of the images."""
    random = np.random.default_rng(seed)
    predicted = np.where(random.random(IMAGES) < right, LABELS, (LABELS + 1) % 10).astype(np.uint8)
    of_label = random.uniform(0.01, 0.99, IMAGES).astype(np.float32)
    shifted = (random.integers(0, 17, 20) / 16).astype(np.float32)
    losses = random.uniform(0.1, 0.5, (4, epochs))
    scores = dict.fromkeys(MEASURES, 0.5) | {
        "test_accuracy": float(np.mean(predicted == LABELS)),
        "test_loss": float(np.mean(-np.log(of_label.astype(np.float64)))),
        "shift_4_accuracy": float(shifted.mean(dtype=np.float64)),
    }
    history = pd.DataFrame({"epoch": range(1, epochs + 1)} | dict(zip(results.CURVES, losses, strict=True)))
    return Outcome(scores, history, predicted, of_label, of_label, shifted, parameters=10)


def arm(name: str, baseline: str | None) -> Arm:
    return Arm(name=name, baseline=baseline, changes={}, settings=SETTINGS)


def described(study: dict[str, object]) -> Study:
    """A study as its file describes it."""
    return Study.model_validate_json(json.dumps(study))


def pairs(
    baseline: Sequence[Outcome], variant: Sequence[Outcome], measure: str = "test_accuracy"
) -> results.Comparison:
    measured = Measured(name=measure, better="higher", worth=0.002)
    return results.comparison(arm("other", "baseline"), measured, {"baseline": baseline, "other": variant}, LABELS)


@pytest.mark.parametrize("measure", ["test_accuracy", "test_loss", "shift_4_accuracy"])
def test_the_mean_over_the_images_is_the_score(measure: str) -> None:
    for seed in range(5):
        found = outcome(seed)
        images = results.per_image(found, measure, LABELS)
        assert images is not None
        assert images.mean() == pytest.approx(found.scores[measure], abs=1e-12)


def test_the_loss_of_an_image_is_the_cross_entropy_that_evaluate_reports_even_where_it_is_sure_and_wrong() -> None:
    probabilities = np.array([[0.0, 1.0], [1.0, 0.0], [0.25, 0.75]], np.float32)
    labels = np.array([0, 0, 1], np.uint8)
    sure = Outcome(probability_of_label=probabilities[np.arange(3), labels])
    images = results.per_image(sure, "test_loss", labels)
    assert images is not None
    assert images.mean() == pytest.approx(cross_entropy(probabilities, labels), rel=1e-6)


def test_a_measure_that_is_no_mean_over_images_has_none() -> None:
    assert results.per_image(outcome(0), "misclassification_auroc", LABELS) is None
    assert pairs([outcome(0)], [outcome(1)], "misclassification_auroc").per_image is None


def test_pairs_are_of_one_seed_and_a_failure_takes_its_partner_out_too() -> None:
    baseline = [outcome(0), FAILED, outcome(2), outcome(3)]
    variant = [outcome(10), outcome(11), outcome(12), FAILED]
    found = pairs(baseline, variant)
    assert found.failed == 2
    assert list(found.baseline_values) == [baseline[seed].scores["test_accuracy"] for seed in (0, 2)]
    assert list(found.variant_values) == [variant[seed].scores["test_accuracy"] for seed in (0, 2)]
    assert found.per_image is not None
    np.testing.assert_allclose(found.per_image.mean(axis=1), found.variant_values - found.baseline_values, atol=1e-12)


def test_where_all_pairs_failed_there_is_nothing_to_compare() -> None:
    found = pairs([FAILED, outcome(1)], [outcome(0), FAILED])
    assert (len(found.baseline_values), found.per_image, found.failed) == (0, None, 2)


def test_a_row_is_a_trial_with_every_measure_or_with_its_reason() -> None:
    table = results.trials({"baseline": [outcome(0), FAILED]})
    assert list(table) == ["variant", "seed", *MEASURES, "failed"]
    assert table["failed"].to_list() == ["", FAILED.failed]
    assert table.loc[1, list(MEASURES)].isna().all()


def test_a_curve_counts_the_seeds_that_came_so_far() -> None:
    of_arm = [outcome(0, epochs=3), outcome(1, epochs=5), FAILED]
    table = results.curves({"baseline": of_arm, "failed": [FAILED]})
    assert table["seeds"].to_list() == [2, 2, 2, 1, 1]
    assert table["epoch"].to_list() == [1, 2, 3, 4, 5]
    both = [trial.history["val_loss"] for trial in of_arm[:2]]
    first = table.iloc[0]
    assert first["val_loss_mean"] == pytest.approx((both[0][0] + both[1][0]) / 2)
    assert (first["val_loss_lowest"], first["val_loss_highest"]) == (
        min(both[0][0], both[1][0]),
        max(both[0][0], both[1][0]),
    )
    assert table.iloc[4]["val_loss_mean"] == both[1][4]


def test_published_values_are_held_against_the_epochs_that_were_reached_and_against_scores() -> None:
    study = described({
        "question": "Where does it lie?", "seeds": 6,
        "measures": [{"name": "test_accuracy", "better": "higher", "worth": 0.002}],
        "reference": {"val_accuracy": [0.1, 0.2, 0.3, 0.4], "test_accuracy": 0.5},
    })  # fmt: skip
    trials = [outcome(seed, epochs=3 + (seed > 1)) for seed in range(5)] + [FAILED]
    found = results.reference(study, trials)
    assert [(entry["measure"], entry["epoch"]) for entry in found] == [
        *[("val_accuracy", epoch) for epoch in (1, 2, 3, 4)], ("test_accuracy", None),
    ]  # fmt: skip
    assert [entry["seeds"] for entry in found] == [5, 5, 5, 3, 5]
    assert found[4]["mean"] == pytest.approx(np.mean([trial.scores["test_accuracy"] for trial in trials[:5]]))


def test_results_are_the_same_bytes_each_time_and_read_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = described({
        "question": "Does it help?", "seeds": 6, "variants": [{"name": "other", "changes": {"model.dropout": 0.0}}],
        "measures": [{"name": "test_accuracy", "better": "higher", "worth": 0.002}],
    })  # fmt: skip
    arms = [arm("baseline", None), arm("other", "baseline")]
    outcomes = {"baseline": [outcome(seed) for seed in range(6)], "other": [outcome(seed + 10) for seed in range(6)]}
    contents = []
    for _ in range(2):
        found = results.write("mine", study, arms, outcomes, LABELS, {"data": "0", "code": "1"})
        contents.append({path.name: path.read_bytes() for path in results.folder("mine").iterdir()})
    assert contents[0] == contents[1]
    assert contents[0].keys() == {"trials.csv", "curves.csv", "verdicts.json", "summary.md", "forest.svg"}
    assert found.trials.equals(results.trials(outcomes))
    assert found.verdicts["verdicts"][0]["seeds"] == 6
