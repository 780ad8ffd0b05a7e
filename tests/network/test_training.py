"""Training: what an epoch reports, the same weights from the same seed, schedules, the input pipeline."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clones import PROJECT, SETTINGS
from support.networks import fit
from support.settings import drawn, fit_together
from support.synthetic import synthetic_digits

from pipeline.config import sections
from pipeline.config.errors import UserError
from pipeline.data import prepared
from pipeline.network import saving, training
from pipeline.network.backend import keras, seed_everything
from pipeline.network.build import build as build_network
from pipeline.network.fused import (
    micro_batches,
)
from pipeline.network.geometry import shape_check

LEARNING = SETTINGS.train.model_copy(update={"epochs": 3, "batch_size": 40, "learning_rate": 0.01})

TRAIN, VALIDATION = synthetic_digits(200, 0), synthetic_digits(50, 1)
PARTS = 1  # a last batch of 64 images or of 50 may have too few for more

FRESH = """
import gc, sys
gc.disable()  # it would take as long as TensorFlow's import
sys.path[:0] = sys.argv[2:]
from pathlib import Path
import test_training
test_training.saving.save(test_training.trained(seed=0)[0], Path(sys.argv[1]))
gc.freeze()
"""


class Recorder:
    """Keeps what an epoch tells, and how many steps the network had taken by then."""

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self.rows: list[dict[str, float]] = []
        self.steps: list[int] = []

    def __call__(self, epoch: int, metrics: dict[str, float]) -> None:
        self.rows.append({"epoch": epoch, **metrics})
        self.steps.append(int(self.network.optimizer.iterations))


def fresh(seed: int, settings: sections.Model, learning: sections.Train) -> keras.Model:
    """The network that the stage would make, whatever ran before it in this process."""
    keras.backend.clear_session()
    seed_everything(seed)
    return training.compiled(build_network(settings, (28, 28), 10), learning, images=len(TRAIN.images))


def small(seed: int, **changes: object) -> keras.Model:
    """A network of four filters, compiled for changed training settings."""
    return fresh(seed, SETTINGS.model.model_copy(update={"filters": (4,)}), learning(**changes))


def learning(**changes: object) -> sections.Train:
    return LEARNING.model_copy(update=changes)


def trained(seed: int, **changes: object) -> tuple[keras.Model, pd.DataFrame, Recorder]:
    """A network that has learnt the synthetic digits, its history, and what it logged."""
    network = small(seed, **changes)
    recorder = Recorder(network)
    history, kept = fit(network, TRAIN, VALIDATION, learning(**changes), PARTS, recorder)
    assert changes.get("early_stopping") or kept == len(history)
    return network, history, recorder


@pytest.fixture(scope="module")
def learnt() -> tuple[keras.Model, pd.DataFrame, Recorder]:
    return trained(seed=0)


def test_the_history_has_one_row_an_epoch_counted_from_one(learnt):
    _, history, _ = learnt
    assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert list(history["epoch"]) == [1, 2, 3]


def test_every_epoch_is_logged_when_it_ends_as_the_history_has_it(learnt):
    _, history, recorder = learnt
    assert recorder.rows == history.to_dict("records")
    assert recorder.steps == [5, 10, 15]  # 200 images in batches of 40


def test_the_loss_falls_from_epoch_to_epoch(learnt):
    _, history, _ = learnt
    assert (history[["loss", "val_loss"]].diff().dropna() < 0).all(axis=None)


def test_the_last_validation_row_is_what_the_network_scores_in_the_end(learnt):
    network, history, _ = learnt
    scores = network.evaluate(VALIDATION.images, VALIDATION.labels, verbose=0)
    np.testing.assert_allclose(history[["val_loss", "val_accuracy"]].iloc[-1], scores, rtol=1e-5)


def test_a_fresh_process_with_the_same_seed_trains_and_saves_the_same_network_bit_for_bit(learnt, tmp_path):
    saving.save(learnt[0], tmp_path / "here.keras")
    subprocess.run(
        [sys.executable, "-c", FRESH, tmp_path / "there.keras", PROJECT, PROJECT / "tests", Path(__file__).parent],
        check=True,
    )
    assert (tmp_path / "there.keras").read_bytes() == (tmp_path / "here.keras").read_bytes()


def test_another_seed_gives_other_kernels():
    one, other = (saving.kernels(small(seed))["convolution_1"] for seed in (0, 1))
    assert (one != other).all()


WORSENING = prepared.Split(VALIDATION.images, (VALIDATION.labels + 1) % 10)  # the more is learnt, the higher the loss


@pytest.mark.parametrize(("patience", "epochs"), [(2, 3), (100, 4)])
def test_early_stopping_waits_for_its_patience_and_leaves_the_best_epochs_weights(patience: int, epochs: int):
    changes = {"epochs": 4, "early_stopping": patience}
    network = small(0, **changes)
    history, kept = fit(network, TRAIN, WORSENING, learning(**changes), PARTS, Recorder(network))
    assert len(history) == epochs
    assert kept == history["val_loss"].argmin() + 1 == 1
    loss, _ = network.evaluate(WORSENING.images, WORSENING.labels, verbose=0)
    np.testing.assert_allclose(loss, history["val_loss"].min(), rtol=1e-5)


def rates(schedule: str, steps: int = 100) -> list[float]:
    """The learning rate of every step of a schedule whose highest is 0.5."""
    rate = training.learning_rate(learning(schedule=schedule, learning_rate=0.5), steps)
    return [float(rate if isinstance(rate, float) else rate(step)) for step in range(steps + 1)]


def test_a_constant_rate_stays_and_a_cosine_falls_to_nothing_half_way_in_the_middle():
    assert rates("constant") == [0.5] * 101
    np.testing.assert_allclose(rates("cosine"), 0.25 * (1 + np.cos(np.pi * np.arange(101) / 100)), atol=1e-6)


def test_one_cycle_rises_for_three_tenths_of_the_steps_and_then_falls_to_nothing():
    cycle = np.array(rates("one_cycle"))
    np.testing.assert_allclose(cycle[[0, 30, 100]], [0.02, 0.5, 0], atol=1e-6)
    assert (np.diff(cycle[:31]) > 0).all()
    assert (np.diff(cycle[30:]) < 0).all()


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_the_schedule_ends_with_the_last_step_of_the_last_epoch(schedule: str):
    network, _, recorder = trained(0, schedule=schedule, batch_size=64)
    assert recorder.steps[-1] == 12  # 200 images in batches of 64, the last one smaller, three times
    assert float(network.optimizer.learning_rate) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(
    ("changes", "kind", "setting", "value"),
    [
        ({"optimizer": "adam"}, keras.optimizers.Adam, "weight_decay", None),
        ({"optimizer": "adamw", "weight_decay": 0.02}, keras.optimizers.AdamW, "weight_decay", 0.02),
        ({"optimizer": "sgd", "momentum": 0.7}, keras.optimizers.SGD, "momentum", 0.7),
        ({"optimizer": "adadelta"}, keras.optimizers.Adadelta, "rho", 0.95),
    ],
)  # fmt: skip
def test_the_optimiser_is_the_one_that_is_named(changes: dict[str, object], kind: type, setting: str, value: object):
    optimizer = small(0, **changes).optimizer
    assert type(optimizer) is kind
    assert getattr(optimizer, setting) == value
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


def test_label_smoothing_spreads_its_share_of_the_label_over_all_classes():
    network = small(0, label_smoothing=0.3)
    probabilities = network.predict(VALIDATION.images, verbose=0)
    wanted = 0.7 * np.eye(10)[VALIDATION.labels] + 0.03
    targets = training.targets(VALIDATION.labels, 10, learning(label_smoothing=0.3))
    loss, accuracy = network.evaluate(VALIDATION.images, targets, verbose=0)
    assert loss == pytest.approx(-(wanted * np.log(probabilities)).sum(axis=1).mean(), rel=1e-5)
    assert accuracy == pytest.approx((probabilities.argmax(axis=1) == VALIDATION.labels).mean())


def test_with_class_weights_every_class_weighs_the_same_and_an_image_one_on_average():
    labels = np.repeat(np.arange(3, dtype=np.uint8), [10, 30, 60])
    weights = training.class_weights(labels, 4)
    np.testing.assert_allclose([weights[label] * (labels == label).sum() for label in range(3)], 100 / 3)
    assert sum(weights[label] for label in labels) == pytest.approx(100)


def test_class_weights_are_at_work_in_training():
    few = np.flatnonzero((TRAIN.labels < 2) & ((TRAIN.labels == 1) | (np.arange(200) < 40)))
    rare = prepared.Split(TRAIN.images[few], TRAIN.labels[few])
    losses = []
    for weighted in (False, True):
        network = small(0, class_weights=weighted, epochs=1, batch_size=len(few))
        history, _ = fit(
            network, rare, rare, learning(class_weights=weighted, epochs=1, batch_size=40), PARTS, Recorder(network)
        )
        losses.append(history["loss"][0])
    assert losses[0] != losses[1]


def test_a_network_that_diverges_is_told_in_one_line_and_logs_no_such_epoch():
    network = small(0, optimizer="sgd", learning_rate=1e30)
    recorder = Recorder(network)
    with pytest.raises(UserError, match=r"^train: the loss of epoch \d is (nan|inf): .* lower train\.learning_rate"):
        fit(network, TRAIN, VALIDATION, learning(optimizer="sgd", learning_rate=1e30), PARTS, recorder)
    assert all(np.isfinite(row["loss"]) for row in recorder.rows)


def shown(epoch: int, count: int = 130, size: int = 8, seed: int = 3) -> list[int]:
    """The images of an epoch in the order in which they are shown."""
    images = np.repeat(np.arange(count, dtype=np.uint8), 4).reshape(count, 2, 2)
    epochs = training.Epochs(lambda *_: None)
    epochs.on_epoch_begin(epoch)
    chosen = SETTINGS.train.model_copy(update={"batch_size": size, "seed": seed})
    parts = [
        (np.asarray(part)[:, 0, 0], np.asarray(wanted))
        for part, wanted in training.batches(images, np.arange(count), chosen, epochs)
    ]
    assert [len(wanted) for _, wanted in parts] == [size] * (count // size) + [count % size]
    assert all((part == wanted).all() for part, wanted in parts)
    return [int(label) for _, wanted in parts for label in wanted]


def test_every_image_is_shown_once_an_epoch_in_an_order_that_follows_from_seed_and_epoch_alone():
    assert sorted(shown(0)) == sorted(shown(5)) == list(range(130))
    assert shown(5) == shown(5)
    assert len({tuple(shown(epoch, seed=seed)) for epoch in (0, 1, 5) for seed in (0, 3)}) == 6


@pytest.mark.parametrize("changes", [{}, {"label_smoothing": 0.1}, {"class_weights": True}], ids=str)
def test_a_training_set_of_several_blocks_is_learnt(monkeypatch, changes):
    monkeypatch.setattr(training, "BLOCK", 2)
    settings = SETTINGS.train.model_copy(update={"epochs": 2, "batch_size": 50} | changes)
    network = fresh(0, SETTINGS.model, settings)
    split = synthetic_digits(430, 0)
    history, _ = fit(network, split, split, settings, PARTS, Recorder(network))
    assert history["val_accuracy"].iloc[-1] > 0.9


sizes = st.tuples(st.integers(8, 20), st.integers(8, 20))

some = st.integers(1, 4)

drawn_layers = drawn(
    sections.Model,
    filters=st.lists(st.integers(1, 6), max_size=3).map(tuple),
    kernel_size=st.integers(1, 6),
    pool_size=some,
    pool_after=st.none() | st.lists(some, min_size=1, max_size=2, unique=True).map(tuple),
    dropout=st.floats(0, 0.9),
    dense=st.lists(some, max_size=2).map(tuple),
    dense_dropout=st.floats(0, 0.9),
    l1=st.floats(0, 0.1),
    l2=st.floats(0, 0.1),
    augment_shift=st.floats(0, 0.9),
)
drawn_training = drawn(
    sections.Train,
    epochs=st.just(1),
    batch_size=st.integers(1, 40),
    learning_rate=st.floats(1e-5, 0.1),
    momentum=st.floats(0, 0.9),
    weight_decay=st.floats(0, 0.1),
    early_stopping=st.none() | some,
    label_smoothing=st.floats(0, 0.9),
)


@pytest.mark.slow
@given(drawn_layers, drawn_training, sizes, st.integers(2, 12))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_any_valid_settings_train_a_step_and_give_probabilities_or_are_refused_by_name(layers, learning, size, classes):
    keras.backend.clear_session()
    random = np.random.default_rng(0)
    split = prepared.Split(random.integers(0, 256, (12, *size), np.uint8), (np.arange(12) % classes).astype(np.uint8))
    settings_of_training = SETTINGS.train.model_copy(update=learning)
    model = SETTINGS.model.model_copy(update=fit_together(layers))
    problem = shape_check(model, *size)
    if problem:
        assert re.match(r"model\.(kernel_size|pool_size): found ", problem)
        with pytest.raises(UserError, match=re.escape(problem)):
            build_network(model, size, classes)
        return
    network = training.compiled(build_network(model, size, classes), settings_of_training, images=12)
    parts = micro_batches(settings_of_training.batch_size, 12)
    fit(network, split, split, settings_of_training, parts)
    probabilities = np.asarray(network(split.images))
    assert probabilities.shape == (12, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
