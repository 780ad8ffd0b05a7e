"""The network against scipy, against the kernel demo and against itself."""

import numpy as np
import pytest
from scipy.signal import correlate2d
from scipy.special import expit, ndtr, softmax
from support.networks import IMAGES, LABELS, SIZE, answer, build, chosen

from pipeline.config.errors import UserError
from pipeline.kernel_demo import max_pool
from pipeline.network import inspect, kernels, saving
from pipeline.network.backend import keras
from pipeline.network.build import build as build_network


def convolutions(network: keras.Model) -> list[keras.layers.Conv2D]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]


def test_the_default_network_is_the_articles_layer_by_layer():
    network = build_network(chosen(), (28, 28), 10)
    table = [(row["type"], row["output_shape"], row["parameters"]) for row in saving.layer_table(network)]
    assert table == [
        ("Rescaling", [28, 28], 0),
        ("Reshape", [28, 28, 1], 0),
        ("Conv2D", [26, 26, 32], 320),
        ("MaxPooling2D", [13, 13, 32], 0),
        ("Dropout", [13, 13, 32], 0),
        ("Flatten", [5408], 0),
        ("Dropout", [5408], 0),
        ("Dense", [10], 54_090),
    ]
    assert network.count_params() == 54_410
    assert [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)] == [0.25, 0.5]


def test_raw_pixels_become_probabilities_that_sum_to_one():
    probabilities = answer(build(4))
    assert probabilities.shape == (7, 3)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_raw_pixels_count_as_their_share_of_255():
    network = build(4)
    unscaled = keras.Sequential([keras.Input((*SIZE, 1)), *network.layers[2:]])
    np.testing.assert_allclose(answer(network), answer(unscaled, IMAGES[..., None] / 255), atol=1e-6)


def test_the_convolution_is_the_cross_correlation_with_each_kernel_plus_its_bias_through_relu():
    network = build(4)
    learnt = saving.kernels(network)["convolution_1"]
    bias = np.asarray(convolutions(network)[0].bias)
    maps = inspect.outputs(network, IMAGES[0], ["convolution_1"])["convolution_1"]
    for number in range(4):
        response = correlate2d(IMAGES[0] / 255, learnt[:, :, 0, number], mode="valid") + bias[number]
        np.testing.assert_allclose(maps[:, :, number], np.maximum(response, 0), atol=1e-5)


def test_the_pooling_is_the_kernel_demos():
    maps = inspect.outputs(build(4), IMAGES[0], ["convolution_1", "max_pooling"])
    pooled = [max_pool(picture) for picture in np.moveaxis(maps["convolution_1"], -1, 0)]
    np.testing.assert_array_equal(np.moveaxis(maps["max_pooling"], -1, 0), pooled)


def test_dropout_is_at_work_in_training_only():
    network = build(4)
    np.testing.assert_array_equal(answer(network), answer(network))
    assert (np.asarray(network(IMAGES, training=True)) != answer(network)).any()


def test_two_convolutions_follow_one_another():
    network = build(4, 8)
    names = [layer.name for layer in convolutions(network)]
    assert names == ["convolution_1", "convolution_2"]
    shapes = {name: weights.shape for name, weights in saving.kernels(network).items()}
    assert shapes == {"convolution_1": (3, 3, 1, 4), "convolution_2": (3, 3, 4, 8)}
    shapes = {name: maps.shape for name, maps in inspect.outputs(network, IMAGES[0], names).items()}
    assert shapes == {"convolution_1": (10, 8, 4), "convolution_2": (8, 6, 8)}


def shapes(network: keras.Model) -> list[tuple[str, list[int]]]:
    return [(row["layer"], row["output_shape"]) for row in saving.layer_table(network)][2:]


def test_the_articles_commented_out_layers_come_both_before_the_one_pooling():
    network = build_network(chosen(filters=(32, 64), dense=(128,)), (28, 28), 10)
    assert shapes(network) == [
        ("convolution_1", [26, 26, 32]),
        ("convolution_2", [24, 24, 64]),
        ("max_pooling", [12, 12, 64]),
        ("dropout", [12, 12, 64]),
        ("flatten", [9216]),
        ("dense_1", [128]),
        ("dense_dropout", [128]),
        ("probabilities", [10]),
    ]
    assert network.count_params() == 1_199_882  # as the Keras example of that network has it


@pytest.mark.parametrize("unused", [{}, {"kernel_init": "edges", "freeze_kernels": True}, {"kernel_size": 99}], ids=str)
def test_without_filters_the_pixels_go_straight_to_the_dense_layers(unused):
    network = build_network(chosen(filters=(), dense=(16,), **unused), (28, 28), 10)
    assert [(row["layer"], row["output_shape"], row["parameters"]) for row in saving.layer_table(network)] == [
        ("scale", [28, 28], 0),
        ("channel", [28, 28, 1], 0),
        ("flatten", [784], 0),
        ("dense_1", [16], 784 * 16 + 16),
        ("dense_dropout", [16], 0),
        ("probabilities", [10], 16 * 10 + 10),
    ]
    assert saving.kernels(network) == {}
    assert all(layer.trainable for layer in network.layers)


def test_without_hidden_layers_the_network_is_softmax_regression_on_the_pixels():
    network = build()
    weights, bias = network.get_layer("probabilities").get_weights()
    sums = IMAGES.reshape(7, -1) / 255 @ weights + bias
    np.testing.assert_allclose(answer(network), softmax(sums, axis=1), atol=1e-6)


@pytest.mark.parametrize("changes", [{"augment_shift": 0.3}, {"augment_rotation": 90.0}])
def test_without_filters_augmentation_moves_images_in_training_only(changes):
    network = build(dense_dropout=0.0, **changes)
    resting = network.predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(network.predict(IMAGES, verbose=0), resting)
    assert (np.asarray(network(IMAGES, training=True)) != resting).any(axis=1).all()


def test_average_pooling_takes_the_mean_of_each_window():
    maps = inspect.outputs(build(4, pooling="average"), IMAGES[0], ["convolution_1", "average_pooling"])
    windows = maps["convolution_1"].reshape(5, 2, 4, 2, 4)
    np.testing.assert_allclose(maps["average_pooling"], windows.mean(axis=(1, 3)), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("gelu", lambda x: x * ndtr(x)),
        ("silu", lambda x: x * expit(x)),
        ("tanh", np.tanh),
        ("sigmoid", expit),
        ("linear", lambda x: x),
    ],
)  # fmt: skip
def test_the_activation_makes_the_map_of_the_kernels_response(name, function):
    network = build(4, activation=name)
    kernel = saving.kernels(network)["convolution_1"][:, :, 0, 0]
    response = correlate2d(IMAGES[0] / 255, kernel, mode="valid") + 0.1
    maps = inspect.outputs(network, IMAGES[0], ["convolution_1"])["convolution_1"]
    np.testing.assert_allclose(maps[:, :, 0], function(response), atol=1e-5)


def test_a_hidden_dense_layer_has_the_activation_and_the_last_layer_softmax():
    network = build(4, activation="tanh", dense=(5,))
    assert network.get_layer("dense_1").activation == keras.activations.tanh
    assert network.get_layer("probabilities").activation == keras.activations.softmax


def test_batch_normalization_comes_between_sum_and_activation_and_evens_out_a_batch():
    network = build_network(chosen(filters=(4,), dense=(5,), batch_normalization=True), SIZE, classes=3)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds[2:5] == ["Conv2D", "BatchNormalization", "Activation"]
    assert kinds[-5:-1] == ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert not network.get_layer("convolution_1").use_bias
    normalized = keras.Model(network.inputs[0], network.get_layer("batch_normalization_1").output)
    evened = np.asarray(normalized(IMAGES, training=True))
    np.testing.assert_allclose(evened.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(evened.std(axis=(0, 1, 2)), 1, atol=0.05)
    assert inspect.map_layers(network) == {"convolution_1": ["activation_1", "max_pooling"]}


@pytest.mark.parametrize(("l1", "l2"), [(0.01, 0.0), (0.0, 0.02), (0.01, 0.02)])
def test_a_penalty_on_every_weight_but_the_biases_is_in_the_loss(l1, l2):
    network = build(4, 4, dense=(5,), l1=l1, l2=l2)
    weights = [np.asarray(layer.kernel) for layer in network.layers if hasattr(layer, "kernel")]
    assert len(weights) == 4
    penalty = sum(l1 * np.abs(weight).sum() + l2 * np.square(weight).sum() for weight in weights)
    np.testing.assert_allclose(sum(map(float, network.losses)), penalty, rtol=1e-5)
    network.compile(loss="sparse_categorical_crossentropy")
    plain = keras.losses.sparse_categorical_crossentropy(LABELS, answer(network))
    np.testing.assert_allclose(network.evaluate(IMAGES, LABELS, verbose=0), np.mean(plain) + penalty, rtol=1e-4)


def test_without_a_penalty_the_loss_is_the_cross_entropy_alone():
    assert build(4, dense=(5,)).losses == []


@pytest.mark.parametrize("changes", [{"augment_shift": 0.3}, {"augment_rotation": 90.0}])
def test_augmentation_moves_images_in_training_only(changes):
    network = build(4, dropout=0.0, dense_dropout=0.0, **changes)
    plain = build(4)
    for layer in plain.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights() if layer.weights else [])
    np.testing.assert_allclose(network.predict(IMAGES, verbose=0), answer(plain), atol=1e-6)
    assert (np.asarray(network(IMAGES, training=True)) != answer(plain)).any(axis=1).all()


def test_a_shifted_image_is_the_image_somewhere_else_and_no_further_than_the_setting_says():
    network = build(4, augment_shift=0.25)
    image = np.zeros((200, *SIZE), np.uint8)
    image[:, 6, 5] = 255
    moved = np.asarray(keras.Model(network.inputs[0], network.get_layer("random_shift").output)(image, training=True))
    np.testing.assert_allclose(moved.sum(axis=(1, 2, 3)), 1, atol=1e-4)
    rows, columns = (
        np.tensordot(moved[..., 0].sum(axis=axis), np.arange(length), 1) for axis, length in ((2, 12), (1, 10))
    )
    assert 2.5 < np.abs(rows - 6).max() <= 3
    assert 2 < np.abs(columns - 5).max() <= 2.5


def test_the_articles_random_kernels_are_drawn_from_minus_one_up_to_zero():
    drawn = saving.kernels(build(32, kernel_init="article_random"))["convolution_1"]
    assert -1 <= drawn.min() < -0.9
    assert -0.1 < drawn.max() < 0


def test_the_articles_random_kernels_are_silent_behind_relu_on_any_image():
    silent = build_network(chosen(filters=(8,), kernel_init="article_random"), SIZE, classes=3)
    assert np.abs(inspect.outputs(silent, IMAGES[0], ["convolution_1"])["convolution_1"]).max() == 0
    leaky = build_network(chosen(filters=(8,), kernel_init="article_random", activation="leaky_relu"), SIZE, classes=3)
    assert (inspect.outputs(leaky, IMAGES[0], ["convolution_1"])["convolution_1"] < 0).all()


def test_edge_kernels_come_first_and_keras_fills_the_rest():
    drawn = saving.kernels(build(20, 4, kernel_init="edges", kernel_size=5))
    bank = kernels.edge_bank()
    np.testing.assert_allclose(np.moveaxis(drawn["convolution_1"][1:4, 1:4, 0, :17], -1, 0), bank, atol=1e-7)
    assert np.abs(drawn["convolution_1"][0, :, :, :17]).max() == 0
    assert (drawn["convolution_1"][:, :, :, 17:] != 0).all()
    np.testing.assert_allclose(drawn["convolution_2"].sum(axis=2)[1:4, 1:4, 0], bank[0], atol=1e-6)


def test_a_keras_initialiser_is_taken_by_its_name():
    network = build(4, 8, kernel_init="he_normal")
    assert {type(layer.kernel_initializer).__name__ for layer in convolutions(network)} == {"HeNormal"}


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_kernel_does_not_move_and_all_after_the_convolutions_does(frozen):
    network = build(4, 4, freeze_kernels=frozen, dense=(5,), activation="tanh")
    before = {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    network.compile("adam", "sparse_categorical_crossentropy")
    network.train_on_batch(IMAGES, LABELS)
    moved = {
        name: any((old != new).any() for old, new in zip(weights, network.get_layer(name).get_weights(), strict=True))
        for name, weights in before.items()
    }
    assert moved == {"convolution_1": not frozen, "convolution_2": not frozen, "dense_1": True, "probabilities": True}


def test_layers_that_do_not_fit_the_images_are_refused_by_name_before_any_is_built():
    with pytest.raises(UserError, match=r"^params\.yaml: model\.kernel_size: found 11; .* 12x10 "):
        build(4, kernel_size=11)
