"""What spoke for each class: shares that add up to the logit, and nothing that the network does not have."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.networks import IMAGES, SIZE, build, chosen

from pipeline.metrics.scores import softmax
from pipeline.network import inspect, saving
from pipeline.network.backend import keras, seed_everything, tf
from pipeline.network.build import build as build_network
from pipeline.network.evidence import Evidence, evidence, grid

EXACT = {"rtol": 1e-5, "atol": 1e-5}  # the network's own sums are in single precision

STRAIGHT = [  # linear, or linear in pieces, after the last map
    {"filters": (4,)},
    {"filters": (4,), "activation": "tanh"},
    {"filters": (4, 5), "padding": "same", "pool_after": (1, 2), "activation": "gelu"},
    {"filters": (4, 5), "pool_after": (1,), "activation": "sigmoid"},
    {"filters": (4,), "pooling": "average", "pool_size": 3, "batch_normalization": True},
    {"filters": (4,), "dense": (6,)},
    {"filters": (4,), "dense": (6, 5), "batch_normalization": True},
    {"filters": (4,), "dense": (6, 5), "activation": "leaky_relu", "augment_shift": 0.2, "augment_rotation": 20.0},
    {"filters": (4,), "dense": (6,), "activation": "linear"},
    {"filters": ()},
    {"filters": (), "dense": (6,)},
]

CURVED = [
    {"filters": (4,), "dense": (6,), "activation": activation}
    for activation in ("elu", "gelu", "silu", "tanh", "sigmoid")
] + [{"filters": (), "dense": (6, 5), "activation": "tanh", "batch_normalization": True}]


def network(**changes: object) -> keras.Model:
    """A small network of which no weight is what it began with."""
    seed_everything(0)
    filters = changes.pop("filters", (4,))
    return build(*filters, **changes)


def through(row: list[keras.layers.Layer], values: object) -> object:
    """What layers make of a batch when they do not learn."""
    for layer in row:
        values = layer(values, training=False)
    return values


def flatten_of(model: keras.Model) -> int:
    """The number of the layer that ends the maps."""
    return [type(layer) for layer in model.layers].index(keras.layers.Flatten)


def maps_of(model: keras.Model) -> NDArray[np.float32]:
    """The maps (n, height, width, filters) that the network flattens."""
    return np.asarray(through(model.layers[: flatten_of(model)], IMAGES))


def assert_same(one: Evidence, other: Evidence) -> None:
    for name in ("logits", "by_filter", "by_place", "bias"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), **EXACT, err_msg=name)


def cases(*settings: dict[str, object]) -> pytest.MarkDecorator:
    """Networks and their evidence, each made once for the tests that ask for it."""
    return pytest.mark.parametrize("case", settings, ids=str, indirect=True)


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest) -> tuple[keras.Model, Evidence]:
    model = network(**request.param)
    return model, evidence(model, IMAGES)


@cases(*STRAIGHT, *CURVED)
def test_the_logits_are_those_of_the_networks_probabilities(case: tuple[keras.Model, Evidence]):
    model, found = case
    np.testing.assert_allclose(softmax(found.logits), model(IMAGES, training=False), atol=1e-6)


@cases(*STRAIGHT, *CURVED)
def test_filters_and_places_share_out_the_same_sum_one_number_a_map_and_a_place(case: tuple[keras.Model, Evidence]):
    model, found = case
    n, height, width, filters = maps_of(model).shape
    assert found.by_filter.shape == (n, filters, 3)
    assert found.by_place.shape == (n, height, width, 3)
    assert found.logits.shape == found.bias.shape == found.remainder.shape == (n, 3)
    np.testing.assert_allclose(found.by_filter.sum(axis=1), found.by_place.sum(axis=(1, 2)), rtol=1e-12, atol=1e-12)


@cases(*STRAIGHT)
def test_where_all_after_the_maps_is_linear_in_pieces_shares_and_bias_are_the_logit(case: tuple[keras.Model, Evidence]):
    _, found = case
    np.testing.assert_allclose(found.by_place.sum(axis=(1, 2)) + found.bias, found.logits, **EXACT)
    np.testing.assert_allclose(found.remainder, 0, atol=1e-5)


@cases(*CURVED)
def test_a_curved_layer_leaves_a_remainder_which_completes_the_logit(case: tuple[keras.Model, Evidence]):
    _, found = case
    assert np.abs(found.remainder).max() > 1e-3
    np.testing.assert_allclose(found.by_place.sum(axis=(1, 2)) + found.bias + found.remainder, found.logits, rtol=1e-12)


@cases(*STRAIGHT, *CURVED)
def test_a_share_is_gradient_times_activation(case: tuple[keras.Model, Evidence]):
    """By Keras's own layers."""
    model, found = case
    maps = tf.constant(maps_of(model))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(maps)
        values = through(model.layers[flatten_of(model) : -1], maps)
        logits = values @ model.layers[-1].kernel.value + model.layers[-1].bias.value
    np.testing.assert_allclose(found.logits, logits, **EXACT)
    for label in range(3):
        shares = tape.gradient(logits, maps, np.eye(3, dtype=np.float32)[[label] * len(IMAGES)]) * maps
        np.testing.assert_allclose(found.by_filter[..., label], tf.reduce_sum(shares, (1, 2)), **EXACT)
        np.testing.assert_allclose(found.by_place[..., label], tf.reduce_sum(shares, 3), **EXACT)


def test_in_the_articles_network_a_share_is_a_pooled_value_times_its_weight():
    seed_everything(0)
    model = build_network(chosen(), (28, 28), classes=10)
    model.layers[-1].bias.assign(np.linspace(-1, 1, 10))
    assert model.count_params() == 32 * (9 + 1) + 13 * 13 * 32 * 10 + 10 == 54_410
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)
    found = evidence(model, images)
    pooled = np.stack([inspect.outputs(model, image, ["max_pooling"])["max_pooling"] for image in images])
    weights = np.asarray(model.layers[-1].kernel).reshape(13, 13, 32, 10)
    np.testing.assert_allclose(found.by_filter, np.einsum("nhwf,hwfc->nfc", pooled, weights), **EXACT)
    np.testing.assert_allclose(found.by_place, np.einsum("nhwf,hwfc->nhwc", pooled, weights), **EXACT)
    np.testing.assert_allclose(found.bias, [np.linspace(-1, 1, 10)] * 2, **EXACT)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize(("activation", "below"), [("relu", 0), ("leaky_relu", 0.2), ("linear", 1)])
def test_the_bias_is_what_the_linear_piece_that_an_image_lies_in_makes_of_nothing(
    activation: str, below: float, normalised: bool
):
    """The rest of the network in NumPy, with the slope of every unit as the image has it, on maps of zeros."""
    model = network(dense=(6, 5), activation=activation, batch_normalization=normalised)
    values = maps_of(model).reshape(len(IMAGES), -1)
    nothing = np.zeros_like(values)
    for number in (1, 2):
        kernel, *bias = model.get_layer(f"dense_{number}").get_weights()
        values, nothing = (part @ kernel + (bias[0] if bias else 0) for part in (values, nothing))
        if normalised:
            layer = model.get_layer(f"batch_normalization_dense_{number}")
            gamma, beta, mean, variance = layer.get_weights()
            values, nothing = (
                gamma * (part - mean) / np.sqrt(variance + layer.epsilon) + beta for part in (values, nothing)
            )
        slopes = np.where(values > 0, 1, below)
        values, nothing = values * slopes, nothing * slopes
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(evidence(model, IMAGES).bias, nothing @ kernel + bias, **EXACT)


def test_a_filter_without_weights_in_the_last_layer_loses_its_share_and_no_other_changes_its():
    model = network(filters=(4,))
    before = evidence(model, IMAGES)
    kernel, bias = model.layers[-1].get_weights()
    kernel.reshape(*maps_of(model).shape[1:], 3)[:, :, 2] = 0  # a view
    model.layers[-1].set_weights([kernel, bias])
    after = evidence(model, IMAGES)
    others = [0, 1, 3]
    assert (before.by_filter[:, 2] != 0).all()
    assert (after.by_filter[:, 2] == 0).all()
    np.testing.assert_array_equal(after.by_filter[:, others], before.by_filter[:, others])
    np.testing.assert_array_equal(after.bias, before.bias)
    np.testing.assert_allclose(before.logits - after.logits, before.by_filter[:, 2], **EXACT)


def test_filters_in_another_order_have_the_same_shares_in_that_order():
    model = network(filters=(4,), batch_normalization=True)
    before = evidence(model, IMAGES)
    order = [2, 0, 3, 1]
    convolution, normalisation = model.get_layer("convolution_1"), model.get_layer("batch_normalization_1")
    convolution.set_weights([weights[..., order] for weights in convolution.get_weights()])
    normalisation.set_weights([weights[order] for weights in normalisation.get_weights()])
    kernel, bias = model.layers[-1].get_weights()
    turned = kernel.reshape(*maps_of(model).shape[1:], 3)[:, :, order].reshape(kernel.shape)
    model.layers[-1].set_weights([turned, bias])
    expected = Evidence(before.logits, before.by_filter[:, order], before.by_place, before.bias)
    assert_same(evidence(model, IMAGES), expected)


def test_without_a_convolution_a_pixels_share_is_its_grey_times_its_weight():
    model = network(filters=())
    found = evidence(model, IMAGES)
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(found.by_place, (IMAGES / 255)[..., None] * kernel.reshape(*SIZE, 3), **EXACT)
    np.testing.assert_allclose(found.bias, [bias] * len(IMAGES), **EXACT)
    assert found.by_filter.shape == (len(IMAGES), 1, 3)


def test_a_black_image_has_no_evidence_but_the_bias_where_pixels_are_all_the_network_sees():
    model = network(filters=(), dense=(6,))
    found = evidence(model, np.zeros_like(IMAGES[:1]))
    assert (found.by_place == 0).all()
    np.testing.assert_allclose(found.bias, found.logits, **EXACT)


@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("size", [(9, 7), (5, 16)])
def test_any_number_of_classes_and_any_size_add_up(classes: int, size: tuple[int, int]):
    seed_everything(0)
    model = build_network(chosen(filters=(4,), dense=(6,)), size, classes)
    images = np.random.default_rng(0).integers(0, 256, (3, *size), np.uint8)
    found = evidence(model, images)
    assert found.by_filter.shape == (3, 4, classes)
    logits = found.by_place.sum(axis=(1, 2)) + found.bias
    np.testing.assert_allclose(logits, found.logits, **EXACT)
    np.testing.assert_allclose(softmax(logits), model(images, training=False), atol=1e-6)


def test_an_images_evidence_does_not_depend_on_the_images_beside_it():
    model = network(dense=(6,), activation="tanh", batch_normalization=True)
    together = evidence(model, IMAGES)
    alone = evidence(model, IMAGES[3:4])
    for name in ("logits", "by_filter", "by_place", "bias"):
        np.testing.assert_allclose(getattr(alone, name)[0], getattr(together, name)[3], **EXACT)


def test_a_network_read_from_its_file_has_the_same_evidence_and_is_left_as_it_was(tmp_path: Path):
    model = network(dense=(6,), activation="gelu", batch_normalization=True)
    weights = model.get_weights()
    before = evidence(model, IMAGES)
    saving.save(model, tmp_path / "model.keras")
    assert_same(evidence(saving.load(tmp_path / "model.keras"), IMAGES), before)
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)
    assert model.layers[-1].activation is keras.activations.softmax


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": (2,)},
        {"filters": (2,), "padding": "same"},
        {"filters": (2,), "padding": "same", "kernel_size": 4},
        {"filters": (2, 2), "kernel_size": 2, "pool_after": (1, 2)},
        {"filters": (2, 2, 2), "padding": "same", "pool_after": (1,), "pool_size": 3},
        {"filters": ()},
    ],
    ids=str,
)
def test_a_place_lies_in_the_middle_of_the_pixels_that_it_sees(changes: dict[str, object]):
    settings = chosen(**changes, activation="linear", pooling="average", kernel_init="he_normal")
    model = build_network(settings, (24, 21), classes=3)
    image = tf.Variable(tf.zeros((1, 24, 21, 1)))
    with tf.GradientTape() as tape:
        maps = through(model.layers[2 : flatten_of(model)], image)
        row, column = maps.shape[1] // 2, maps.shape[2] // 2  # where no zeros around the image are seen
        value = tf.reduce_sum(maps[0, row, column])
    rows, columns = np.nonzero(np.asarray(tape.gradient(value, image))[0, :, :, 0])
    first, step = grid(model)
    assert (rows.min() + rows.max()) / 2 == first + row * step
    assert (columns.min() + columns.max()) / 2 == first + column * step
