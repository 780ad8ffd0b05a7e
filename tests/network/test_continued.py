"""Training that was killed: what it ends in, and what it begins with."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clones import SETTINGS
from support.synthetic import synthetic_digits

from pipeline.config import sections
from pipeline.data.checkpoints import Checkpoint
from pipeline.data.prepared import Split
from pipeline.network import training
from pipeline.network.backend import keras, seed_everything
from pipeline.network.build import build
from pipeline.network.continued import ContinuedLearner
from pipeline.network.fused import MicroBatched

TRAIN, VALIDATION = synthetic_digits(200, 0), synthetic_digits(64, 1)
WORSENING = Split(VALIDATION.images, (VALIDATION.labels + 1) % 10)  # the more is learnt, the higher the loss


class KilledError(Exception):
    """Stands for a kill at the end of an epoch."""


def fit(
    checkpoint: Checkpoint,
    model: sections.Model,
    train: sections.Train,
    validation: Split,
    killed_in: int | None = None,
) -> tuple[list[bytes], pd.DataFrame, int, list[int]]:
    """Train what a checkpoint holds to the end; return all variables, the curves, the best epoch, the epochs learnt."""
    keras.backend.clear_session()
    seed_everything(train.seed)
    network = training.compiled(build(model, (28, 28), 10), train, images=len(TRAIN.images))
    learner = ContinuedLearner(training.learner(network, train, parts=4), checkpoint, run="this")
    learnt: list[int] = []

    def on_epoch(epoch: int, _metrics: dict[str, float]) -> None:
        learnt.append(epoch)
        if epoch == killed_in:
            raise KilledError

    history, best = training.fit(learner, TRAIN, validation, train, on_epoch, verbose=0)
    variables = [*learner.network.variables, *learner.learner.optimizer.variables]
    return [variable.numpy().tobytes() for variable in variables], history, best, learnt


@pytest.mark.parametrize(
    ("model", "train", "validation"),
    [
        ({}, {}, VALIDATION),
        ({}, {"early_stopping": 3}, VALIDATION),
        ({}, {"early_stopping": 3}, WORSENING),
        ({"batch_normalization": True}, {"schedule": "one_cycle", "label_smoothing": 0.1}, VALIDATION),
        ({"augment_shift": 0.1, "augment_rotation": 10.0}, {"optimizer": "sgd", "schedule": "cosine"}, VALIDATION),
        ({"freeze_kernels": True, "dense": (16,)}, {"optimizer": "adamw", "class_weights": True}, VALIDATION),
        ({"filters": ()}, {"optimizer": "adadelta"}, VALIDATION),
    ],
    ids=["default", "patient", "stopped", "normalised", "augmented", "frozen", "dense"],
)
def test_training_killed_in_an_epoch_learns_only_what_was_left_and_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch, model, train, validation
):
    monkeypatch.setattr(training, "BLOCK", 2)  # several blocks, as of a training set that is copied piece by piece
    layers = SETTINGS.model.model_copy(update={"filters": (4,)} | model)
    settings = SETTINGS.train.model_copy(update={"epochs": 5, "batch_size": 40, "seed": 3} | train)
    whole = fit(Checkpoint(tmp_path, "undisturbed", {}), layers, settings, validation)
    with pytest.raises(KilledError):
        fit(Checkpoint(tmp_path, "killed", {}), layers, settings, validation, killed_in=3)
    variables, history, best, learnt = fit(Checkpoint(tmp_path, "killed", {}), layers, settings, validation)
    assert variables == whole[0]
    pd.testing.assert_frame_equal(history, whole[1], check_exact=True)
    assert best == whole[2]
    assert learnt == list(range(3, len(history) + 1))


def test_training_killed_again_and_again_ends_in_the_same_bytes_and_names_the_run_that_began(tmp_path: Path):
    settings = SETTINGS.train.model_copy(update={"epochs": 5, "batch_size": 40})
    whole = fit(Checkpoint(tmp_path, "undisturbed", {}), SETTINGS.model, settings, VALIDATION)
    checkpoint = Checkpoint(tmp_path, "killed", {})
    for epoch in (3, 3, 5):
        with pytest.raises(KilledError):
            fit(checkpoint, SETTINGS.model, settings, VALIDATION, killed_in=epoch)
    assert checkpoint.read()[0]["first"] == "this"
    variables, history, _, learnt = fit(checkpoint, SETTINGS.model, settings, VALIDATION)
    assert (variables, learnt) == (whole[0], [5])
    pd.testing.assert_frame_equal(history, whole[1], check_exact=True)


def test_a_disk_without_room_costs_the_checkpoint_and_not_the_training(tmp_path: Path, monkeypatch, capsys):
    settings = SETTINGS.train.model_copy(update={"epochs": 2, "batch_size": 40})
    whole = fit(Checkpoint(tmp_path, "undisturbed", {}), SETTINGS.model, settings, VALIDATION)
    (tmp_path / "file").touch()
    checkpoint = Checkpoint(tmp_path / "file", "train", {})  # a file where a folder should be
    assert fit(checkpoint, SETTINGS.model, settings, VALIDATION)[0] == whole[0]
    assert "train: no checkpoint: " in capsys.readouterr().err
    np.testing.assert_array_equal(list(tmp_path.glob("train*")), [])


def test_no_epoch_ends_with_a_wait_for_the_tuning_of_its_batches(tmp_path: Path, monkeypatch):
    given = []
    monkeypatch.setattr(MicroBatched, "fit", lambda _self, data, **_settings: given.append(data))
    with pytest.raises(AttributeError, match="history"):
        fit(Checkpoint(tmp_path, "whole", {}), SETTINGS.model, SETTINGS.train, VALIDATION)
    (data,) = given
    assert data.options().autotune.enabled is False
