"""What the stage counts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import prepare


@given(st.lists(st.integers(0, 9)))
@settings(deadline=None)
def test_every_image_is_counted_in_its_class(labels: list[int]):
    counts = prepare.class_counts(np.array(labels, np.uint8), 10)
    assert counts == {str(label): labels.count(label) for label in range(10)}
    assert sum(counts.values()) == len(labels)
