"""The twin that trains against the network that it stands for: outputs, gradients, and the distribution of dropout."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.clones import PROJECT

from pipeline import prepare, train
from pipeline.config import params
from pipeline.network import build as model
from pipeline.network.backend import keras, seed_everything, tf
from pipeline.network.fused import PARTS, RISING, PooledConvolution, ShortDropout, SideBySide, twin

SETTINGS = params.load(PROJECT / "params.yaml").model
SIZE = (13, 10)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SIZE), np.uint8)
LABELS = np.arange(6) % 3


def network(**changes: object) -> keras.Model:
    """A small network, compiled, whose biases and normalisations are not those it began with."""
    built = model.build(SETTINGS.model_copy(update={"filters": (4,)} | changes), SIZE, classes=3)
    built.compile("adam", "sparse_categorical_crossentropy")
    built.set_weights([weights + 0.1 if weights.ndim == 1 else weights for weights in built.get_weights()])
    return built


KINDS = [
    *({"activation": activation} for activation in RISING),
    {"activation": "gelu"},
    {"pooling": "average"},
    {"filters": (4, 5), "dense": (6,)},
    {"filters": (4, 5), "pool_after": (1, 2), "padding": "same", "kernel_size": 5},
    {"pool_size": 3, "l1": 0.01, "l2": 0.02},
    {"batch_normalization": True, "dense": (6,)},
    {"kernel_init": "edges", "freeze_kernels": True},
]


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_the_twin_answers_as_the_network_does(changes: dict[str, object]):
    original = network(**changes)
    answers = twin(original, PARTS).predict(IMAGES, verbose=0)
    np.testing.assert_allclose(answers, original.predict(IMAGES, verbose=0), atol=1e-6)


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_without_dropout_the_twins_gradients_are_the_networks(changes: dict[str, object]):
    original = network(**changes, dropout=0.0, dense_dropout=0.0)
    gradients = []
    for learner in (original, twin(original, PARTS)):
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(LABELS, learner(IMAGES, training=True))
            loss = tf.reduce_mean(losses) + sum(learner.losses)
        gradients.append(tape.gradient(loss, [weight.value for weight in learner.trainable_weights]))
    for plain, fast in zip(*gradients, strict=True):
        np.testing.assert_allclose(fast, plain, atol=2e-6)


def test_the_twin_pools_before_bias_and_activation_and_merges_dropouts_in_a_row():
    layers = {type(layer): layer for layer in twin(network(), PARTS).network.layers}
    assert PooledConvolution in layers
    assert keras.layers.MaxPooling2D not in layers
    assert layers[ShortDropout].rate == 1 - 0.75 * 0.5


@pytest.mark.parametrize("changes", [{"activation": "gelu"}, {"activation": "silu"}, {"pooling": "average"}])
def test_what_does_not_commute_with_the_pooling_stays_in_its_place(changes: dict[str, object]):
    assert PooledConvolution not in {type(layer) for layer in twin(network(**changes), PARTS).network.layers}


@pytest.mark.parametrize(("dropout", "dense_dropout"), [(0.0, 0.5), (0.5, 0.0), (0.0, 0.0)])
def test_the_twin_learns_where_a_dropout_is_off(dropout: float, dense_dropout: float):
    learner = twin(network(dropout=dropout, dense_dropout=dense_dropout), PARTS)
    learner.fit(IMAGES, LABELS, verbose=0)
    rates = [layer.rate for layer in learner.network.layers if isinstance(layer, ShortDropout)]
    assert rates == [rate for rate in (dropout, dense_dropout) if rate]


def test_dropouts_with_a_layer_between_stay_two():
    rates = [layer.rate for layer in twin(network(dense=(6,)), PARTS).network.layers if isinstance(layer, ShortDropout)]
    assert rates == [0.25, 0.5]


@pytest.mark.parametrize("count", [PARTS, PARTS + 1, 3 * PARTS - 1])
def test_a_batch_of_any_size_goes_through_in_parts_in_its_order(count: int):
    original = network()
    images = np.random.default_rng(count).integers(0, 256, (count, *SIZE), np.uint8)
    seen = []

    class Watched(keras.layers.Layer):
        def call(self, images: tf.Tensor) -> tf.Tensor:
            tf.py_function(lambda part: seen.append(len(part)), [images], [])
            return images

    answers = SideBySide(keras.Sequential([Watched(), original]))(images)
    np.testing.assert_allclose(answers, original(images), atol=1e-6)
    assert len(seen) == PARTS
    assert sum(seen) == count
    assert max(seen) - min(seen) <= 1


@pytest.mark.parametrize(("images", "parted"), [(8, True), (9, False), (11, False), (12, True), (3, False)])
def test_a_batch_too_small_for_parts_is_left_whole_and_learnt_from(images: int, parted: bool, monkeypatch):
    learners = []
    monkeypatch.setattr(train, "twin", lambda *arguments: learners.append(twin(*arguments)) or learners[-1])
    split = prepare.Split(np.zeros((images, *SIZE), np.uint8), (np.arange(images) % 3).astype(np.uint8))
    settings = params.load(PROJECT / "params.yaml").train.model_copy(update={"batch_size": 8, "epochs": 1})
    history, _ = train.fit(network(), split, split, settings, SimpleNamespace(log_epoch=lambda *_: None))
    assert isinstance(learners[0], SideBySide) == parted
    assert np.isfinite(history["val_loss"]).all()


def test_batch_normalisation_sees_the_whole_batch():
    assert isinstance(twin(network(), PARTS), SideBySide)
    assert not isinstance(twin(network(batch_normalization=True), PARTS), SideBySide)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.625, 0.999])
def test_dropout_drops_its_share_and_keeps_the_expected_value(rate: float):
    seed_everything(0)
    values = np.full((100, 1001), 2, np.float32)
    dropped = np.asarray(ShortDropout(rate)(values, training=True))
    count = values.size
    assert abs((dropped == 0).sum() - rate * count) <= 5 * np.sqrt(count * rate * (1 - rate)) + 2
    if 0 < rate < 0.99:
        assert set(np.unique(dropped)) == {0, dropped.max()}
        assert dropped.max() == pytest.approx(2 / (1 - rate), rel=1e-4)


def test_dropout_draws_anew_each_time_the_same_from_the_same_seed_and_nothing_at_inference():
    values = np.ones((10, 101), np.float32)
    draws = []
    for _ in range(2):
        seed_everything(1)
        layer = ShortDropout(0.5)
        draws.append([np.asarray(layer(values, training=True)) for _ in range(2)])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0][0] != draws[0][1]).any()
    np.testing.assert_array_equal(layer(values, training=False), values)


def test_neighbours_are_dropped_independently():
    seed_everything(2)
    kept = np.asarray(ShortDropout(0.5)(np.ones(200_000, np.float32), training=True)) > 0
    for distance in (1, 2, 3, 4, 1001):
        both = (kept[:-distance] & kept[distance:]).mean()
        assert both == pytest.approx(0.25, abs=0.005)
