"""The network against scipy, against the kernel demo and against itself, and its archive."""

import time

import numpy as np
import pytest
from conftest import PROJECT
from numpy.typing import NDArray
from scipy.signal import correlate2d

from pipeline import model, params
from pipeline.backend import keras, seed_everything
from pipeline.kernel_demo import max_pool

SIZE = (12, 10)  # height and width differ, so that they cannot be taken for one another
IMAGES = np.random.default_rng(0).integers(0, 256, (7, *SIZE), np.uint8)
LABELS = np.arange(7) % 3


def build(*filters: int) -> keras.Model:
    """A small network whose biases are not zero."""
    settings = params.Model(filters=filters, kernel_size=3, pool_size=2, dropout=0.25, dense_dropout=0.5)
    network = model.build(settings, SIZE, classes=3)
    network.set_weights([weights + 0.1 if weights.ndim == 1 else weights for weights in network.get_weights()])
    return network


def answer(network: keras.Model, images: NDArray[np.generic] = IMAGES) -> NDArray[np.float32]:
    return np.asarray(network(images))


def test_the_default_network_is_the_articles_layer_by_layer():
    network = model.build(params.load(PROJECT / "params.yaml").model, (28, 28), 10)
    table = [(row["type"], row["output_shape"], row["parameters"]) for row in model.layer_table(network)]
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
    kernels = model.kernels(network)["convolution_1"]
    bias = np.asarray(model.convolutions(network)[0].bias)
    maps = model.outputs(network, IMAGES[0], ["convolution_1"])["convolution_1"]
    for number in range(4):
        response = correlate2d(IMAGES[0] / 255, kernels[:, :, 0, number], mode="valid") + bias[number]
        np.testing.assert_allclose(maps[:, :, number], np.maximum(response, 0), atol=1e-5)


def test_the_pooling_is_the_kernel_demos():
    maps = model.outputs(build(4), IMAGES[0], ["convolution_1", "max_pooling"])
    pooled = [max_pool(picture) for picture in np.moveaxis(maps["convolution_1"], -1, 0)]
    np.testing.assert_array_equal(np.moveaxis(maps["max_pooling"], -1, 0), pooled)


def test_dropout_is_at_work_in_training_only():
    network = build(4)
    np.testing.assert_array_equal(answer(network), answer(network))
    assert (np.asarray(network(IMAGES, training=True)) != answer(network)).any()


def test_two_convolutions_follow_one_another():
    network = build(4, 8)
    names = [layer.name for layer in model.convolutions(network)]
    assert names == ["convolution_1", "convolution_2"]
    shapes = {name: kernels.shape for name, kernels in model.kernels(network).items()}
    assert shapes == {"convolution_1": (3, 3, 1, 4), "convolution_2": (3, 3, 4, 8)}
    shapes = {name: maps.shape for name, maps in model.outputs(network, IMAGES[0], names).items()}
    assert shapes == {"convolution_1": (10, 8, 4), "convolution_2": (8, 6, 8)}


@pytest.mark.parametrize("steps", [0, 1])
def test_a_saved_network_answers_as_before(steps, tmp_path):
    network = build(4, 8)
    for _ in range(steps):
        network.compile("adam", "sparse_categorical_crossentropy")
        network.train_on_batch(IMAGES, LABELS)
    model.save(network, tmp_path / "model.keras")
    np.testing.assert_array_equal(answer(model.load(tmp_path / "model.keras")), answer(network))


def test_saving_a_network_or_its_twin_of_the_same_seed_gives_the_same_bytes_at_any_hour(tmp_path, monkeypatch):
    seed_everything(3)
    network = build(4, 8)
    seed_everything(3)
    twin = build(4, 8)
    model.save(network, tmp_path / "now.keras")
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    model.save(network, tmp_path / "later.keras")
    model.save(twin, tmp_path / "twin.keras")
    monkeypatch.undo()
    time.tzset()
    now, later, twins = ((tmp_path / f"{name}.keras").read_bytes() for name in ("now", "later", "twin"))
    assert now == later
    assert now == twins
