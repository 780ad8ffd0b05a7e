"""One trial against the pipeline's own run of the same settings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clones import SETTINGS, Clone
from support.synthetic import synthetic_digits

from pipeline.config import params
from pipeline.data import files, idx, prepared
from pipeline.network import saving
from pipeline.studies import trial
from pipeline.studies.measures import MEASURES
from pipeline.studies.outcome import Data, Outcome
from pipeline.studies.spec import changed

DATA = Data(synthetic_digits(500, 0), synthetic_digits(200, 1), tuple("0123456789"))
SMALL = {"prepare.train_size": 300, "prepare.validation_size": 100, "train.epochs": 2, "model.filters": [4]}


def run(**changes: object) -> Outcome:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return trial.run(changed(SETTINGS, SMALL | named), DATA)


@pytest.mark.slow
def test_a_trial_has_the_weights_curves_predictions_and_scores_of_dvc_repro(finished: Clone) -> None:
    settings = params.load(finished.folder / "params.yaml")
    raw = {name: (finished.folder / "data/raw" / name).read_bytes() for name in idx.FILES}
    arrays = [idx.decode(content, name, 3 if "images" in name else 1) for name, content in raw.items()]
    data = Data(prepared.Split(*arrays[:2]), prepared.Split(*arrays[2:]), tuple("0123456789"))
    trial.run(changed(settings, {"train.seed": 5}), data)  # in a process that has trained before
    outcome = trial.run(settings, data)
    weights = saving.load(finished.folder / "models/model.keras").get_weights()
    assert outcome.weights == trial.weights_hash(weights)
    assert outcome.history.to_csv(index=False) == (finished.folder / "metrics/history.csv").read_text()
    with np.load(finished.folder / "data/predictions.npz") as saved:
        np.testing.assert_array_equal(outcome.predicted, saved["predicted"])
        np.testing.assert_array_equal(outcome.confidence, saved["probabilities"].max(axis=1))
    metrics = {
        key: value
        for stage in ("evaluate", "error_analysis")
        for key, value in files.read_json(finished.folder / f"metrics/{stage}.json").items()
    }
    trained = files.read_json(finished.folder / "metrics/train.json")
    assert outcome.parameters == trained["parameters"]
    assert outcome.scores["val_loss"] == trained["best_val_loss"]
    assert outcome.scores["val_accuracy"] == trained["best_val_accuracy"]
    shared = set(MEASURES) & metrics.keys()
    assert shared >= {"test_accuracy", "test_loss", "misclassification_auroc", "shift_4_accuracy"}
    assert {name: outcome.scores[name] for name in shared} == {name: metrics[name] for name in shared}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model__batch_normalization": True, "train__optimizer": "sgd"},
        {"model__dense": [8], "model__activation": "gelu", "train__schedule": "one_cycle", "train__optimizer": "adamw"},
        {"model__augment_shift": 0.1, "model__augment_rotation": 10.0, "train__label_smoothing": 0.1},
        {"train__early_stopping": 1, "train__epochs": 4, "train__optimizer": "adadelta"},
        {"model__freeze_kernels": True, "train__class_weights": True},
    ],
)  # fmt: skip
def test_a_trial_has_the_same_bytes_whatever_the_process_trained_before(changes: dict[str, object]) -> None:
    trial._traced.cache_clear()
    first = run(**changes)
    others = [run(**changes, train__seed=seed, prepare__seed=seed) for seed in (1, 2)]
    assert run(**changes).weights == first.weights
    assert run(**changes, train__seed=2, prepare__seed=2).weights == others[1].weights
    assert len({first.weights, *(other.weights for other in others)}) == 3


def test_every_measure_of_a_trial_is_there_and_the_outcome_can_be_kept() -> None:
    outcome = run()
    assert MEASURES.keys() <= outcome.scores.keys()
    assert len(outcome.predicted) == len(outcome.confidence) == len(outcome.probability_of_label) == 200
    assert outcome.failed == ""
    assert outcome.seconds > 0


def test_a_network_that_diverges_is_an_outcome_with_its_reason() -> None:
    outcome = run(train__optimizer="sgd", train__learning_rate=1e30)
    assert "the network has diverged" in outcome.failed
    assert not outcome.again
    assert outcome.scores == {}


def test_a_network_that_memory_does_not_hold_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object) -> None:
        raise trial.tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(trial, "_traced", too_much)
    outcome = run()
    assert (outcome.failed, outcome.again) == ("out of memory", True)


def test_nothing_is_read_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(run().history, pd.DataFrame)
    assert list(tmp_path.iterdir()) == []
