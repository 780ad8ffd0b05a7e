from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.signal import convolve2d
from scipy.stats import pearsonr

from pipeline.metrics import edges
from pipeline.metrics.edges import filter_response
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
    np.testing.assert_allclose(filter_response(images[0], kernel), expected, atol=1e-9)


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_a_response_is_the_flipped_kernel_slid_over_the_mirrored_image(images: np.ndarray, kernel: np.ndarray):
    image = images[0]
    padded = np.pad(image.astype(float), 1, mode="symmetric")
    expected = [(padded[r : r + 3, c : c + 3] * kernel[::-1, ::-1]).sum() for r, c in np.ndindex(image.shape)]
    np.testing.assert_allclose(filter_response(image, kernel).ravel(), expected)


@given(pictures)
@settings(deadline=None)
def test_boundary_and_interior_pixels_partition_the_ink(images: np.ndarray):
    boundary, interior = edges.boundary_and_interior(images)
    np.testing.assert_array_equal(boundary ^ interior, images >= edges.INK)
    assert not (boundary & interior).any()


@given(pictures)
@settings(deadline=None)
def test_a_boundary_pixel_is_ink_with_paper_above_below_left_or_right(images: np.ndarray):
    images = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    ink = images >= edges.INK
    boundary, _ = edges.boundary_and_interior(images)
    for number, row, column in np.argwhere(ink):
        here = ink[number]
        cross = here[row - 1, column], here[row + 1, column], here[row, column - 1], here[row, column + 1]
        assert boundary[number, row, column] == (not all(cross))


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_the_edge_measure_compares_the_responses_that_the_figures_show(images: np.ndarray, kernel: np.ndarray):
    boundary, interior = edges.boundary_and_interior(images)
    sizes = np.abs([filter_response(image, kernel) for image in images])
    assert edges.edge_auroc(kernel, images) == pytest.approx(auroc(sizes[boundary], sizes[interior]))


@given(pictures, whole_kernels, st.integers(-100, 100).filter(bool))
@settings(deadline=None)
def test_the_edge_measure_sees_neither_size_nor_sign_of_a_kernel(images: np.ndarray, kernel: np.ndarray, factor: int):
    assert edges.edge_auroc(factor * kernel, images) == edges.edge_auroc(kernel, images)


def test_the_laplacian_finds_the_edges_of_thick_strokes(strokes: np.ndarray):
    assert edges.edge_auroc(kernels.LAPLACIAN, strokes) > 0.95


@given(seeds)
@settings(deadline=None, max_examples=30)
def test_a_kernel_of_one_sign_is_stronger_on_flat_ink_than_on_edges(strokes: np.ndarray, seed: int):
    assert edges.edge_auroc(kernels.random_kernels(1, seed)[0], strokes) < 0.1


def test_paper_without_ink_has_no_edge_measure():
    assert edges.edge_auroc(kernels.LAPLACIAN, np.zeros((2, 28, 28), np.uint8)) is None


def test_mean_absolute_correlation_is_that_of_all_pairs_of_responses_averaged_over_images(strokes: np.ndarray):
    filters = [*kernels.random_kernels(3, 0), kernels.LAPLACIAN]
    expected = [
        abs(pearsonr(filter_response(image, one).ravel(), filter_response(image, other).ravel()).statistic)
        for image in strokes
        for one, other in combinations(filters, 2)
    ]
    assert edges.mean_absolute_correlation(filters, strokes) == pytest.approx(np.mean(expected))


def test_a_kernel_is_as_like_another_as_its_negative_is(strokes: np.ndarray):
    filters = [*kernels.edge_bank()[:4], *kernels.random_kernels(2, 0)]
    signs = [1, -1, 1, -1, -1, 3]
    turned = [sign * kernel for sign, kernel in zip(signs, filters, strict=True)]
    plain = edges.mean_absolute_correlation(filters, strokes)
    assert edges.mean_absolute_correlation(turned, strokes) == pytest.approx(plain)
    assert edges.mean_absolute_correlation([filters[0], -2 * filters[0]], strokes) == pytest.approx(1)


@pytest.mark.parametrize("more", [[], [np.zeros((3, 3))]])
def test_fewer_than_two_responses_that_vary_have_no_correlation(strokes: np.ndarray, more: list[np.ndarray]):
    assert edges.mean_absolute_correlation([kernels.LAPLACIAN, *more], strokes) is None
    assert edges.mean_absolute_correlation([], strokes) is None
    blank = np.zeros_like(strokes)
    assert edges.mean_absolute_correlation(kernels.random_kernels(3, 0), blank) is None
    filters = kernels.random_kernels(3, 0)
    alone = edges.mean_absolute_correlation(filters, strokes)
    assert edges.mean_absolute_correlation([*filters, *more], np.concatenate([strokes, blank])) == pytest.approx(alone)
