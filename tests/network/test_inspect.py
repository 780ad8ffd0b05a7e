"""Which layers show a filter."""

from support.networks import IMAGES, build

from pipeline.network import inspect, saving
from pipeline.network.backend import keras


def shapes(network: keras.Model) -> list[tuple[str, list[int]]]:
    return [(row["layer"], row["output_shape"]) for row in saving.layer_table(network)][2:]


def test_same_padding_keeps_the_size_and_pools_come_where_they_are_asked_for():
    network = build(4, 6, 8, padding="same", pool_after=(1, 3))
    assert shapes(network)[:7] == [
        ("convolution_1", [12, 10, 4]),
        ("max_pooling_1", [6, 5, 4]),
        ("dropout_1", [6, 5, 4]),
        ("convolution_2", [6, 5, 6]),
        ("convolution_3", [6, 5, 8]),
        ("max_pooling_3", [3, 2, 8]),
        ("dropout_3", [3, 2, 8]),
    ]
    assert inspect.map_layers(network) == {
        "convolution_1": ["convolution_1", "max_pooling_1"],
        "convolution_2": ["convolution_2"],
        "convolution_3": ["convolution_3", "max_pooling_3"],
    }


def test_without_a_pooling_after_it_a_normalized_convolution_shows_its_own_activation_alone():
    network = build(4, 4, pool_after=(1,), batch_normalization=True, dense=(5,))
    assert inspect.map_layers(network) == {
        "convolution_1": ["activation_1", "max_pooling"],
        "convolution_2": ["activation_2"],
    }


def test_a_network_without_a_convolution_shows_no_filter():
    network = build(dense=(5,), batch_normalization=True)
    assert inspect.map_layers(network) == {}
    assert inspect.activations(network, IMAGES[0]) == {}
