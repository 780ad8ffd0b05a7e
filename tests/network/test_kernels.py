"""Random and edge kernels, and kernels as pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.signal import convolve2d, correlate2d

from pipeline.network import kernels

pictures = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6))

whole_kernels = arrays(np.int64, (3, 3), elements=st.integers(-4, 4)).map(lambda kernel: kernel.astype(float))

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 40))
@settings(deadline=None)
def test_random_kernels_are_negative_and_follow_their_seed(seed: int, count: int):
    drawn = kernels.random_kernels(count, seed)
    assert drawn.shape == (count, 3, 3)
    assert (drawn >= -1).all()
    assert (drawn < 0).all()
    np.testing.assert_array_equal(drawn, kernels.random_kernels(count, seed))
    assert not np.array_equal(drawn, kernels.random_kernels(count, seed + 1))


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


IMAGE = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_filters_picture_is_its_strongest_channel(random):
    learnt = random.normal(size=(3, 3, 5, 8)).astype(np.float32)
    strongest = random.integers(0, 5, 8)
    for number, channel in enumerate(strongest):
        learnt[:, :, channel, number] *= -10  # strong, and never by its sign
    for number, picture in enumerate(kernels.as_pictures(learnt)):
        np.testing.assert_array_equal(picture, learnt[:, :, strongest[number], number])


@pytest.mark.parametrize("shape", [(3, 3), (2, 5)])
def test_convolving_with_the_flipped_kernel_is_cross_correlating_with_the_kernel(shape, random):
    kernel = random.normal(size=shape)
    convolved = convolve2d(IMAGE, kernels.as_convolution(kernel), mode="valid")
    np.testing.assert_allclose(convolved, correlate2d(IMAGE, kernel, mode="valid"))
