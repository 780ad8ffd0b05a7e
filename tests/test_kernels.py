from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import pearsonr

from pipeline import kernels
from pipeline.statistics import auroc

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


@given(seeds, st.integers(1, 40))
@settings(deadline=None)
def test_random_kernels_are_negative_and_follow_their_seed(seed: int, count: int):
    drawn = kernels.random_kernels(count, seed)
    assert drawn.shape == (count, 3, 3)
    assert (drawn >= -1).all()
    assert (drawn < 0).all()
    np.testing.assert_array_equal(drawn, kernels.random_kernels(count, seed))
    assert not np.array_equal(drawn, kernels.random_kernels(count, seed + 1))


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_a_response_is_the_flipped_kernel_slid_over_the_mirrored_image(images: np.ndarray, kernel: np.ndarray):
    image = images[0]
    padded = np.pad(image.astype(float), 1, mode="symmetric")
    expected = [(padded[r : r + 3, c : c + 3] * kernel[::-1, ::-1]).sum() for r, c in np.ndindex(image.shape)]
    np.testing.assert_allclose(kernels.response(image, kernel).ravel(), expected)


@given(pictures)
@settings(deadline=None)
def test_edge_and_inside_pixels_partition_the_ink(images: np.ndarray):
    edge, inside = kernels.edges_and_insides(images)
    np.testing.assert_array_equal(edge ^ inside, images >= kernels.INK)
    assert not (edge & inside).any()


@given(pictures)
@settings(deadline=None)
def test_an_edge_pixel_is_ink_with_paper_above_below_left_or_right(images: np.ndarray):
    images = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    ink = images >= kernels.INK
    edge, _ = kernels.edges_and_insides(images)
    for number, row, column in np.argwhere(ink):
        here = ink[number]
        cross = here[row - 1, column], here[row + 1, column], here[row, column - 1], here[row, column + 1]
        assert edge[number, row, column] == (not all(cross))


@given(pictures, whole_kernels)
@settings(deadline=None)
def test_the_edge_measure_compares_the_responses_that_the_figures_show(images: np.ndarray, kernel: np.ndarray):
    edge, inside = kernels.edges_and_insides(images)
    sizes = np.abs([kernels.response(image, kernel) for image in images])
    assert kernels.edge_auroc(kernel, images) == pytest.approx(auroc(sizes[edge], sizes[inside]))


@given(pictures, whole_kernels, st.integers(-100, 100).filter(bool))
@settings(deadline=None)
def test_the_edge_measure_sees_neither_size_nor_sign_of_a_kernel(images: np.ndarray, kernel: np.ndarray, factor: int):
    assert kernels.edge_auroc(factor * kernel, images) == kernels.edge_auroc(kernel, images)


def test_the_laplacian_finds_the_edges_of_thick_strokes(strokes: np.ndarray):
    assert kernels.edge_auroc(kernels.LAPLACIAN, strokes) > 0.95


@given(seeds)
@settings(deadline=None, max_examples=30)
def test_a_kernel_of_one_sign_is_stronger_on_flat_ink_than_on_edges(strokes: np.ndarray, seed: int):
    assert kernels.edge_auroc(kernels.random_kernels(1, seed)[0], strokes) < 0.1


def test_paper_without_ink_has_no_edge_measure():
    assert kernels.edge_auroc(kernels.LAPLACIAN, np.zeros((2, 28, 28), np.uint8)) is None


def test_likeness_is_the_mean_correlation_of_all_pairs(strokes: np.ndarray):
    responses = [kernels.response(strokes[2], kernel) for kernel in [*kernels.random_kernels(3, 0), kernels.LAPLACIAN]]
    expected = np.mean([pearsonr(a.ravel(), b.ravel()).statistic for a, b in combinations(responses, 2)])
    assert kernels.likeness(responses) == pytest.approx(expected)
    assert kernels.likeness([*responses, np.ones((28, 28))]) == kernels.likeness(responses)


def test_identical_pictures_have_likeness_one(strokes: np.ndarray):
    assert kernels.likeness([strokes[0].astype(float)] * 3) == pytest.approx(1)
    assert kernels.likeness([strokes[0].astype(float), -2.0 * strokes[0] + 1]) == pytest.approx(-1)


@pytest.mark.parametrize("constant", [[], [np.zeros((28, 28))], [np.ones((28, 28))] * 3])
def test_fewer_than_two_pictures_that_vary_have_no_likeness(strokes: np.ndarray, constant: list[np.ndarray]):
    assert kernels.likeness(constant) is None
    assert kernels.likeness([strokes[0].astype(float), *constant]) is None


def test_the_edge_bank_begins_with_the_laplacian_sobels_and_prewitts_kernels():
    bank = kernels.edge_bank()
    np.testing.assert_allclose(bank[0] * 8, kernels.LAPLACIAN)
    np.testing.assert_allclose(bank[1] * 8, [[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    np.testing.assert_allclose(bank[9] * 6, [[-1, -1, -1], [0, 0, 0], [1, 1, 1]])


def test_edge_kernels_answer_nothing_on_flat_ink_and_come_in_eight_directions_each():
    bank = kernels.edge_bank()
    np.testing.assert_allclose(bank.sum(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(bank).sum(axis=(1, 2)), 1)
    assert len({kernel.round(9).tobytes() for kernel in bank}) == len(bank) == 17
    for first in (1, 9):
        for step in range(8):
            np.testing.assert_allclose(bank[first + (step + 2) % 8], np.rot90(bank[first + step], -1))


@pytest.mark.parametrize("filters", [3, 17, 20])
def test_edge_kernels_take_the_first_filters_and_leave_the_others(filters: int):
    drawn = np.random.default_rng(0).random((5, 3, 2, filters), np.float32)
    result = kernels.with_edges(drawn)
    assert result.shape == drawn.shape
    np.testing.assert_array_equal(result[..., 17:], drawn[..., 17:])
    np.testing.assert_allclose(
        np.moveaxis(result[1:4, :, :, :17].sum(axis=2), -1, 0), kernels.edge_bank()[:filters], atol=1e-6
    )
