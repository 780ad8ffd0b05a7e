"""Random kernels of any range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network.kernels import random_kernels
from pipeline.network.ranged import ranged_kernels

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 40))
@settings(deadline=None)
def test_from_minus_one_to_zero_they_are_the_articles_bit_for_bit(seed: int, count: int):
    assert ranged_kernels(count, seed, -1.0, 0.0).tobytes() == random_kernels(count, seed).tobytes()


@given(seeds, st.integers(-100, 99), st.integers(1, 200))
@settings(deadline=None)
def test_no_value_is_below_the_range_or_reaches_its_end(seed: int, low: int, width: int):
    kernels = ranged_kernels(40, seed, low, low + width)
    assert kernels.shape == (40, 3, 3)
    assert (kernels >= low).all()
    assert (kernels < low + width).all()


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (-1, 0), (2, 5)])
def test_values_fill_their_range_evenly(low: float, high: float):
    shares, _ = np.histogram(ranged_kernels(4000, 0, low, high), bins=6, range=(low, high))
    np.testing.assert_allclose(shares / 36_000, 1 / 6, atol=0.01)
