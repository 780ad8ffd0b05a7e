"""The layers that stand in for Keras's: the same function, the same gradients, the same moving averages."""

import numpy as np
import pytest

from pipeline.network.backend import keras, tf
from pipeline.network.portable import PortableBatchNormalization, gelu, portable

VALUES = np.random.default_rng(0).normal(2, 3, (12, 5, 4, 3)).astype(np.float32)


def normalisations() -> list[keras.layers.Layer]:
    """Keras's layer and ours, with the same weights, none of them those they begin with."""
    original = keras.layers.BatchNormalization(name="normalisation")
    original.build(VALUES.shape)
    original.set_weights(
        [np.float32([1.5, 0.5, 2]), np.float32([0.1, 0.2, 0.3]), np.float32([1, 2, 3]), np.float32([4, 5, 6])]
    )
    ours = portable(original)
    assert isinstance(ours, PortableBatchNormalization)
    ours.build(VALUES.shape)
    ours.set_weights(original.get_weights())
    return [original, ours]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_batch_normalisation_and_its_gradients_and_averages_are_keras_own(training: bool, frozen: bool):
    results = []
    for layer in normalisations():
        layer.trainable = not frozen
        values = tf.constant(VALUES)
        with tf.GradientTape() as tape:
            tape.watch(values)
            answer = layer(values, training=training)
            loss = tf.reduce_sum(answer * tf.sin(values))
        results.append([answer, tape.gradient(loss, values), *layer.get_weights()])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


def test_the_parts_of_a_batch_are_normalised_as_the_whole():
    _, whole = normalisations()
    _, parted = normalisations()
    expected = whole(VALUES, training=True)
    parts = parted.over([tf.constant(part) for part in np.split(VALUES, [2, 7])], training=True)
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5)
    for one, other in zip(parted.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_gaussian_error_linear_unit_and_its_gradient_are_keras_own():
    values = tf.constant(np.linspace(-6, 6, 1001, dtype=np.float32))
    results = []
    for function in (keras.activations.gelu, gelu):
        with tf.GradientTape() as tape:
            tape.watch(values)
            answer = function(values)
        results.append([answer, tape.gradient(answer, values)])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_any_other_layer_is_copied_as_it_is_but_for_what_is_changed():
    layer = keras.layers.Dense(3, activation="tanh", name="dense")
    assert portable(layer).get_config() == layer.get_config()
    assert portable(layer, activation="linear").activation == keras.activations.linear
