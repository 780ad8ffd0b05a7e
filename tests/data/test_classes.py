"""Classes without an image that trains."""

import numpy as np
import pytest

from pipeline.config.errors import UserError
from pipeline.config.sections import Prepare
from pipeline.data.classes import check_classes


def test_a_class_that_no_training_image_has_is_refused_by_name_and_a_complete_set_is_taken():
    wanted = Prepare(train_size=3, validation="test", validation_size=1, seed=None)
    check_classes(np.array([1, 0, 2], np.uint8), ["a", "b", "c"], wanted)
    with pytest.raises(
        UserError, match=r"^params\.yaml: prepare\.train_size: found 3; .* 3 images .* class 1 \(b\) has none"
    ):
        check_classes(np.array([2, 0, 2], np.uint8), ["a", "b", "c"], wanted)
