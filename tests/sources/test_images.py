"""Images kept once, and rearranged in place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources import images
from pipeline.sources.budget import KEPT, LIMITS, Budget
from pipeline.sources.images import Images


@given(count=st.integers(0, 12), chosen=st.integers(0, 12), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_what_is_done_in_place_is_what_numpy_does_to_a_copy(count: int, chosen: int, seed: int):
    random = np.random.default_rng(seed)
    array = random.integers(0, 256, (count, 3, 2), np.uint8)
    rows = random.permutation(count)[:chosen]
    kept = Images(Budget()).extend([array[:5], array[5:]])
    assert kept.content() == idx.encode(array)
    np.testing.assert_array_equal(kept.at(rows).array(), array[rows])
    kept.keep(rows)
    np.testing.assert_array_equal(kept.array(), array[rows])
    kept.turn()
    np.testing.assert_array_equal(kept.array(), array[rows].swapaxes(1, 2))
    assert kept.equal([kept.array()])
    assert not kept.equal([kept.array(), array])


def test_images_of_another_size_and_more_than_allowed_are_refused():
    kept = Images(Budget()).extend([np.zeros((1, 3, 2), np.uint8)])
    with pytest.raises(UserError, match="images of 2x3, and others of 3x2"):
        kept.extend([np.zeros((1, 2, 3), np.uint8)])
    with pytest.raises(UserError, match=f"{KEPT} found; allowed are {LIMITS[KEPT]:,} in one place"):
        kept.extend([np.zeros((1, 3, 2), np.uint8)], announced=LIMITS[KEPT])


def test_a_share_of_each_class_tests_and_no_image_does_both():
    labels = np.repeat(["a", "b"], 70)
    train, test, (note,) = images.drawn(labels, with_test=False)
    assert sorted([*train, *test]) == list(range(140))
    assert sorted(labels[test]) == ["a"] * 10 + ["b"] * 10
    assert "no test images come along: 20 of 140" in note
    train, test, notes = images.drawn(labels, with_test=True)
    assert (sorted(train), len(test), notes) == (list(range(140)), 0, [])
