"""The fused network against the one that it stands for: outputs, gradients, and the distribution of dropout."""

import numpy as np
import pytest
from support.clones import SETTINGS
from support.networks import fit

from pipeline.data.prepared import Split
from pipeline.metrics.scores import softmax
from pipeline.network.backend import keras, seed_everything, tf
from pipeline.network.build import build as build_network
from pipeline.network.fused import (
    MICRO_BATCHES,
    MONOTONIC,
    FusedConvPool,
    FusedDropout,
    MicroBatched,
    fused,
    logits,
    micro_batches,
    predictor,
)

MODEL = SETTINGS.model

SIZE = (13, 10)

IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SIZE), np.uint8)

LABELS = np.arange(6) % 3


def network(**changes: object) -> keras.Model:
    """A small network, compiled, whose biases and normalisations are not those it began with."""
    seed_everything(0)
    built = build_network(MODEL.model_copy(update={"filters": (4,)} | changes), SIZE, classes=3)
    built.compile("adam", "sparse_categorical_crossentropy")
    built.set_weights([weights + 0.1 if weights.ndim == 1 else weights for weights in built.get_weights()])
    return built


KINDS = [
    *({"activation": activation} for activation in MONOTONIC),
    {"activation": "gelu"},
    {"pooling": "average"},
    {"filters": (4, 5), "dense": (6,)},
    {"filters": (4, 5), "pool_after": (1, 2), "padding": "same", "kernel_size": 5},
    {"pool_size": 3, "l1": 0.01, "l2": 0.02},
    {"batch_normalization": True, "dense": (6,)},
    {"kernel_init": "edges", "freeze_kernels": True},
    {"filters": ()},
    {"filters": (), "dense": (6,), "l1": 0.01},
]


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_the_fused_network_answers_as_the_network_does(changes: dict[str, object]):
    original = network(**changes)
    answers = softmax(fused(original, MICRO_BATCHES).predict(IMAGES, verbose=0))
    np.testing.assert_allclose(answers, original.predict(IMAGES, verbose=0), atol=1e-6)


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_without_dropout_the_fused_networks_gradients_are_the_networks(changes: dict[str, object]):
    original = network(**changes, dropout=0.0, dense_dropout=0.0)
    gradients = []
    for learner, from_logits in ((original, False), (fused(original, MICRO_BATCHES), True)):
        with tf.GradientTape() as tape:
            answers = learner(IMAGES, training=True)
            losses = keras.losses.sparse_categorical_crossentropy(LABELS, answers, from_logits=from_logits)
            loss = tf.reduce_mean(losses) + sum(learner.losses)
        gradients.append(tape.gradient(loss, [weight.value for weight in learner.trainable_weights]))
    for plain, fast in zip(*gradients, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=2e-6, atol=2e-6)  # some are larger than 1


def test_the_fused_network_pools_before_bias_and_activation_and_merges_dropouts_in_a_row():
    layers = {type(layer): layer for layer in fused(network(), MICRO_BATCHES).network.layers}
    assert FusedConvPool in layers
    assert keras.layers.MaxPooling2D not in layers
    assert layers[FusedDropout].rate == 1 - 0.75 * 0.5


@pytest.mark.parametrize("changes", [{"activation": "gelu"}, {"activation": "silu"}, {"pooling": "average"}])
def test_what_does_not_commute_with_the_pooling_stays_in_its_place(changes: dict[str, object]):
    assert FusedConvPool not in {type(layer) for layer in fused(network(**changes), MICRO_BATCHES).network.layers}


@pytest.mark.parametrize(("dropout", "dense_dropout"), [(0.0, 0.5), (0.5, 0.0), (0.0, 0.0)])
def test_the_fused_network_learns_where_a_dropout_is_off(dropout: float, dense_dropout: float):
    learner = fused(network(dropout=dropout, dense_dropout=dense_dropout), MICRO_BATCHES)
    learner.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    learner.fit(IMAGES, LABELS, verbose=0)
    rates = [layer.rate for layer in learner.network.layers if isinstance(layer, FusedDropout)]
    assert rates == [rate for rate in (dropout, dense_dropout) if rate]


def test_without_a_convolution_the_dropout_before_the_last_layer_is_the_only_one():
    layers = fused(network(filters=()), MICRO_BATCHES).network.layers
    assert [layer.rate for layer in layers if isinstance(layer, FusedDropout)] == [0.5]


def test_dropouts_with_a_layer_between_stay_two():
    rates = [
        layer.rate
        for layer in fused(network(dense=(6,)), MICRO_BATCHES).network.layers
        if isinstance(layer, FusedDropout)
    ]
    assert rates == [0.25, 0.5]


@pytest.mark.parametrize("count", [MICRO_BATCHES, MICRO_BATCHES + 1, 3 * MICRO_BATCHES - 1])
def test_a_batch_of_any_size_goes_through_in_parts_in_its_order(count: int):
    original = network()
    images = np.random.default_rng(count).integers(0, 256, (count, *SIZE), np.uint8)
    seen = []

    class Watched(keras.layers.Layer):
        def call(self, images: tf.Tensor) -> tf.Tensor:
            tf.py_function(lambda part: seen.append(len(part)), [images], [])
            return images

    watched = keras.Sequential([keras.Input(SIZE, dtype="uint8"), Watched(), *original.layers])
    seen.clear()
    answers = MicroBatched(watched, MICRO_BATCHES)(images)
    np.testing.assert_allclose(answers, original(images), atol=1e-6)
    assert len(seen) == MICRO_BATCHES
    assert sum(seen) == count
    assert max(seen) - min(seen) <= 1


@pytest.mark.parametrize(
    ("counts", "parts"), [((8, 16), 4), ((9, 16), 1), ((16, 11), 1), ((12, 12), 4), ((3, 8), 1), ((20097, 10000), 1)]
)
def test_a_last_batch_too_small_for_parts_leaves_all_batches_whole(counts: tuple[int, ...], parts: int):
    assert micro_batches(128 if max(counts) > 100 else 8, *counts) == parts


@pytest.mark.parametrize("images", [8, 9, 11, 12, 3])
@pytest.mark.parametrize("normalised", [False, True])
def test_a_training_set_of_any_size_is_learnt_from(images: int, normalised: bool):
    split = Split(np.zeros((images, *SIZE), np.uint8), (np.arange(images) % 3).astype(np.uint8))
    chosen = SETTINGS.train.model_copy(update={"batch_size": 8, "epochs": 1})
    parts = micro_batches(8, images, images)
    learner = network(batch_normalization=normalised)
    history, _ = fit(learner, split, split, chosen, parts)
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize("count", [1, 3, 4, 501, 1000])
def test_every_image_has_its_logits_however_many_there_are(count: int):
    original = network(batch_normalization=True)
    images = np.random.default_rng(count).integers(0, 256, (count, *SIZE), np.uint8)
    np.testing.assert_allclose(softmax(logits(original, images)), original.predict(images, verbose=0), atol=1e-6)


def test_a_predictor_answers_splits_of_several_sizes_as_logits_does():
    original = network()
    images = np.random.default_rng(0).integers(0, 256, (600, *SIZE), np.uint8)
    answer = predictor(original, 600, 9)
    for split in (images, images[:9], images):
        np.testing.assert_allclose(answer(split), logits(original, split), atol=1e-6)


def test_batch_normalisation_in_parts_learns_what_it_learns_from_the_whole_batch():
    original = network(batch_normalization=True, dropout=0.0, dense_dropout=0.0)
    learners = []
    for parts in (1, MICRO_BATCHES):
        learner = fused(original, parts)
        learner.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        learner.fit(IMAGES, LABELS, epochs=3, verbose=0, shuffle=False)
        learners.append(learner.get_weights())
    for whole, parted in zip(*learners, strict=True):
        np.testing.assert_allclose(parted, whole, atol=1e-6)
    moved = zip(learners[0], original.get_weights(), strict=True)
    assert all((now != before).any() for now, before in moved if now.ndim == 1)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.625, 0.999])
def test_dropout_drops_its_share_and_keeps_the_expected_value(rate: float):
    seed_everything(0)
    values = np.full((100, 1001), 2, np.float32)
    dropped = np.asarray(FusedDropout(rate)(values, training=True))
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
        layer = FusedDropout(0.5)
        draws.append([np.asarray(layer(values, training=True)) for _ in range(2)])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0][0] != draws[0][1]).any()
    np.testing.assert_array_equal(layer(values, training=False), values)


def test_neighbours_are_dropped_independently():
    seed_everything(2)
    kept = np.asarray(FusedDropout(0.5)(np.ones(200_000, np.float32), training=True)) > 0
    for distance in (1, 2, 3, 4, 1001):
        both = (kept[:-distance] & kept[distance:]).mean()
        assert both == pytest.approx(0.25, abs=0.005)
