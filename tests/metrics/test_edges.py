from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.signal import convolve2d
from scipy.stats import pearsonr

from pipeline.metrics import edges as responses
from pipeline.metrics.statistics import auroc
from pipeline.network import kernels

pictures = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6))
whole_kernels = arrays(np.int64, (3, 3), elements=st.integers(-4, 4)).map(lambda kernel: kernel.astype(float))
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def strokes() -> np.ndarray:
    """A bar upright, a bar across and a ring, seven pixels thick."""
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, 4:24, 10:17] = images[1, 10:17, 4:24] = 255
    row, column = np.ogrid[-13.5:14, -13.5:14]
    images[2, np.abs(np.hypot(row, column) - 8.5) <= 3.5] = 255
    return images


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_a_response_is_the_articles_convolution(images: np.ndarray, kernel: np.ndarray):
    expected = convolve2d(images[0], kernel, boundary="symm", mode="same")
    np.testing.assert_allclose(responses.response(images[0], kernel), expected, atol=1e-9)


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_a_response_is_the_flipped_kernel_slid_over_the_mirrored_image(images: np.ndarray, kernel: np.ndarray):
    image = images[0]
    padded = np.pad(image.astype(float), 1, mode="symmetric")
    expected = [(padded[r : r + 3, c : c + 3] * kernel[::-1, ::-1]).sum() for r, c in np.ndindex(image.shape)]
    np.testing.assert_allclose(responses.response(image, kernel).ravel(), expected)


@given(pictures)
@settings(deadline=None)
def test_edge_and_inside_pixels_partition_the_ink(images: np.ndarray):
    edge, inside = responses.edges_and_insides(images)
    np.testing.assert_array_equal(edge ^ inside, images >= responses.INK)
    assert not (edge & inside).any()


@given(pictures)
@settings(deadline=None)
def test_an_edge_pixel_is_ink_with_paper_above_below_left_or_right(images: np.ndarray):
    images = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    ink = images >= responses.INK
    edge, _ = responses.edges_and_insides(images)
    for number, row, column in np.argwhere(ink):
        here = ink[number]
        cross = here[row - 1, column], here[row + 1, column], here[row, column - 1], here[row, column + 1]
        assert edge[number, row, column] == (not all(cross))


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_the_edge_measure_compares_the_responses_that_the_figures_show(images: np.ndarray, kernel: np.ndarray):
    edge, inside = responses.edges_and_insides(images)
    sizes = np.abs([responses.response(image, kernel) for image in images])
    assert responses.edge_auroc(kernel, images) == pytest.approx(auroc(sizes[edge], sizes[inside]))


@given(pictures, whole_kernels, st.integers(-100, 100).filter(bool))
@settings(deadline=None)
def test_the_edge_measure_sees_neither_size_nor_sign_of_a_kernel(images: np.ndarray, kernel: np.ndarray, factor: int):
    assert responses.edge_auroc(factor * kernel, images) == responses.edge_auroc(kernel, images)


def test_the_laplacian_finds_the_edges_of_thick_strokes(strokes: np.ndarray):
    assert responses.edge_auroc(kernels.LAPLACIAN, strokes) > 0.95


@given(seeds)
@settings(deadline=None, max_examples=30)
def test_a_kernel_of_one_sign_is_stronger_on_flat_ink_than_on_edges(strokes: np.ndarray, seed: int):
    assert responses.edge_auroc(kernels.random_kernels(1, seed)[0], strokes) < 0.1


def test_paper_without_ink_has_no_edge_measure():
    assert responses.edge_auroc(kernels.LAPLACIAN, np.zeros((2, 28, 28), np.uint8)) is None


def test_likeness_is_the_mean_correlation_of_all_pairs(strokes: np.ndarray):
    pictures = [responses.response(strokes[2], kernel) for kernel in [*kernels.random_kernels(3, 0), kernels.LAPLACIAN]]
    expected = np.mean([pearsonr(a.ravel(), b.ravel()).statistic for a, b in combinations(pictures, 2)])
    assert responses.likeness(pictures) == pytest.approx(expected)
    assert responses.likeness([*pictures, np.ones((28, 28))]) == responses.likeness(pictures)


def test_identical_pictures_have_likeness_one(strokes: np.ndarray):
    assert responses.likeness([strokes[0].astype(float)] * 3) == pytest.approx(1)
    assert responses.likeness([strokes[0].astype(float), -2.0 * strokes[0] + 1]) == pytest.approx(-1)


@pytest.mark.parametrize("constant", [[], [np.zeros((28, 28))], [np.ones((28, 28))] * 3])
def test_fewer_than_two_pictures_that_vary_have_no_likeness(strokes: np.ndarray, constant: list[np.ndarray]):
    assert responses.likeness(constant) is None
    assert responses.likeness([strokes[0].astype(float), *constant]) is None
