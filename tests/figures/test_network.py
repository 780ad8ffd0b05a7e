"""Curves and activation maps: what is drawn, in which order, on which scale."""

import numpy as np
import pandas as pd
import pytest
from support.drawings import mosaics_of, titles_of

from pipeline.figures import network as network_figures


def test_the_curves_mark_the_best_epoch_unless_it_is_the_last():
    history = pd.DataFrame(1.0, range(3), ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"])
    for best, marked in ((2, True), (3, False)):
        for axes in network_figures.draw_curves(history, best).axes:
            assert ("best epoch" in [text.get_text() for text in axes.get_legend().get_texts()]) == marked


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_curves_are_the_columns_of_the_history(epochs):
    columns = ["loss", "accuracy", "val_loss", "val_accuracy"]
    history = pd.DataFrame(np.random.default_rng(0).random((epochs, 4)), columns=columns)
    history["epoch"] = range(1, epochs + 1)
    losses, accuracies = network_figures.draw_curves(history, best=epochs).axes
    for axes, title, measure in [(losses, "loss", "loss"), (accuracies, "accuracy", "accuracy")]:
        assert axes.get_title() == title
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]
        for line, column in zip(axes.lines, [measure, f"val_{measure}"], strict=True):
            np.testing.assert_array_equal(line.get_xydata(), history[["epoch", column]])


IMAGE = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("filters", [1, 9])
def test_activation_maps_come_in_filter_order_on_one_scale_from_zero(filters, random):
    maps = random.random((6, 5, filters))
    figure = network_figures.draw_activations(maps, "convolution_2")
    assert figure.get_suptitle() == f"convolution_2: {filters} activation maps of 6x5"
    (axes,) = mosaics_of(figure)
    assert titles_of(axes) == [str(number) for number in range(filters)]
    for number, drawn in enumerate(axes.images):
        np.testing.assert_array_equal(drawn.get_array(), maps[:, :, number])
        assert drawn.get_clim() == (0, maps.max())


def test_a_filter_is_followed_from_the_image_over_its_kernel_through_every_layer(random):
    kernel = np.array([[0.5, -2.0], [0.25, 1.0]])
    stations = {"convolution_1": random.random((8, 6)), "max_pooling": random.random((4, 3))}
    figure = network_figures.draw_followed(IMAGE, kernel, stations, number=5)
    assert figure.get_suptitle() == "Filter 5 followed through the network"
    titles = ["the image", "kernel 5", "after convolution_1, 8x6", "after max_pooling, 4x3"]
    assert [axes.get_title() for axes in figure.axes] == titles
    for axes, picture in zip(figure.axes, [IMAGE, kernel, *stations.values()], strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), picture)
    drawn = figure.axes[1]
    assert drawn.images[0].get_clim() == (-2, 2)
    written = {text.get_position(): text.get_text() for text in drawn.texts}
    assert written == {(0, 0): "0.50", (1, 0): "-2.00", (0, 1): "0.25", (1, 1): "1.00"}
