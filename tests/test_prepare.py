"""What the stage checks and counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import prepare
from pipeline.config.errors import UserError
from pipeline.config.sections import Prepare


def test_a_class_that_no_training_image_has_is_refused_by_name_and_a_complete_set_is_taken():
    wanted = Prepare(train_size=3, validation="test", validation_size=1, seed=None)
    prepare.check_classes(np.array([1, 0, 2], np.uint8), ["a", "b", "c"], wanted)
    with pytest.raises(
        UserError, match=r"^params\.yaml: prepare\.train_size: found 3; .* 3 images .* class 1 \(b\) has none"
    ):
        prepare.check_classes(np.array([2, 0, 2], np.uint8), ["a", "b", "c"], wanted)


@given(st.lists(st.integers(0, 9)))
@settings(deadline=None)
def test_every_image_is_counted_in_its_class(labels: list[int]):
    counts = prepare.class_counts(np.array(labels, np.uint8), 10)
    assert counts == {str(label): labels.count(label) for label in range(10)}
    assert sum(counts.values()) == len(labels)
