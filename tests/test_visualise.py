"""Kernels and activation maps: which ones are drawn, in which order, and on which scale."""

import numpy as np
import pytest
from scipy.signal import convolve2d, correlate2d

from pipeline import visualise
from pipeline.network.kernels import LAPLACIAN

IMAGE = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


def mosaics_of(figure):
    """The axes with images in them, not the colour bars."""
    return [axes for axes in figure.axes if axes.images]


def titles_of(axes):
    return [text.get_text() for text in axes.texts]


def test_a_filters_picture_is_its_strongest_channel(random):
    kernels = random.normal(size=(3, 3, 5, 8)).astype(np.float32)
    strongest = random.integers(0, 5, 8)
    for number, channel in enumerate(strongest):
        kernels[:, :, channel, number] *= -10  # strong, and never by its sign
    for number, picture in enumerate(visualise.as_pictures(kernels)):
        np.testing.assert_array_equal(picture, kernels[:, :, strongest[number], number])


@pytest.mark.parametrize("shape", [(3, 3), (2, 5)])
def test_convolving_with_the_flipped_kernel_is_cross_correlating_with_the_kernel(shape, random):
    kernel = random.normal(size=shape)
    convolved = convolve2d(IMAGE, visualise.as_convolution(kernel), mode="valid")
    np.testing.assert_allclose(convolved, correlate2d(IMAGE, kernel, mode="valid"))


@pytest.mark.parametrize("filters", [3, 20])  # in one row, in two
def test_kernels_before_and_after_training_share_one_symmetric_scale(filters, random):
    learnt, initial = random.normal(size=(2, 3, 3, 1, filters))
    initial[0, 0, 0, 0] = -9  # the largest of all lies among the kernels before training, and is negative
    panels = mosaics_of(visualise.draw_kernels(learnt, initial, {}))
    headings = [panel.get_title() for panel in panels]
    assert headings == [f"learnt: the {filters} filters after training", "before training, on the same scale"]
    for panel, kernels in zip(panels, (learnt, initial), strict=True):
        assert titles_of(panel) == [str(number) for number in range(filters)]
        for kernel, drawn in zip(np.moveaxis(kernels[:, :, 0], -1, 0), panel.images, strict=True):
            np.testing.assert_array_equal(drawn.get_array(), kernel)
            assert drawn.get_clim() == (-9, 9)


def test_the_demos_kernels_stand_below_each_over_its_largest_value(random):
    learnt = random.normal(size=(3, 3, 1, 2))
    demo = {"0": -random.random((3, 3)), "Laplace": LAPLACIAN}
    _, _, panel = mosaics_of(visualise.draw_kernels(learnt, learnt, demo))
    assert titles_of(panel) == list(demo)
    for drawn, kernel in zip(panel.images, demo.values(), strict=True):
        np.testing.assert_allclose(drawn.get_array(), kernel / np.abs(kernel).max())
        assert drawn.get_clim() == (-1, 1)


@pytest.mark.parametrize("filters", [1, 9])
def test_activation_maps_come_in_filter_order_on_one_scale_from_zero(filters, random):
    maps = random.random((6, 5, filters))
    figure = visualise.draw_activations(maps, "convolution_2")
    assert figure.get_suptitle() == f"convolution_2: {filters} activation maps of 6x5"
    (axes,) = mosaics_of(figure)
    assert titles_of(axes) == [str(number) for number in range(filters)]
    for number, drawn in enumerate(axes.images):
        np.testing.assert_array_equal(drawn.get_array(), maps[:, :, number])
        assert drawn.get_clim() == (0, maps.max())


def test_a_filter_is_followed_from_the_image_over_its_kernel_through_every_layer(random):
    kernel = np.array([[0.5, -2.0], [0.25, 1.0]])
    stations = {"convolution_1": random.random((8, 6)), "max_pooling": random.random((4, 3))}
    figure = visualise.draw_followed(IMAGE, kernel, stations, number=5)
    assert figure.get_suptitle() == "Filter 5 followed through the network"
    titles = ["the image", "kernel 5", "after convolution_1, 8x6", "after max_pooling, 4x3"]
    assert [axes.get_title() for axes in figure.axes] == titles
    for axes, picture in zip(figure.axes, [IMAGE, kernel, *stations.values()], strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), picture)
    drawn = figure.axes[1]
    assert drawn.images[0].get_clim() == (-2, 2)
    written = {text.get_position(): text.get_text() for text in drawn.texts}
    assert written == {(0, 0): "0.50", (1, 0): "-2.00", (0, 1): "0.25", (1, 1): "1.00"}


def test_every_kernels_edge_auroc_is_a_dot_in_its_groups_row_and_each_mean_a_line():
    groups = {"random": [0.1, 0.2, 0.6], "learnt": [0.4, 0.8], "Laplacian": [0.9]}
    (axes,) = visualise.draw_edge_auroc(groups).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(groups)
    top, *_, bottom = reversed(axes.get_ylim())
    assert top < bottom  # the first group stands at the top
    means = [line for line in axes.lines if len(set(line.get_ydata())) == 2 and line.get_linestyle() == "-"]
    for row, (values, dots, mean) in enumerate(zip(groups.values(), axes.collections, means, strict=True)):
        np.testing.assert_allclose(dots.get_offsets()[:, 0], values)
        assert (np.abs(dots.get_offsets()[:, 1] - row) < 0.5).all()
        np.testing.assert_allclose(mean.get_xdata(), np.mean(values))
