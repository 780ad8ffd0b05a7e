"""The measures of each class against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import evaluate
from pipeline.metrics.statistics import confusion_matrix

CLASSES = 4

NAMES = ["dog", "cat", "ant", "bee"]

PAIRS = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1)  # true, predicted


@given(PAIRS)
def test_each_class_has_the_measures_that_counting_gives(pairs):
    labels, predicted = np.array(pairs, np.uint8).T
    table = evaluate.per_class(confusion_matrix(labels, predicted, CLASSES), NAMES).set_index("class")
    assert list(table.index) == NAMES
    for label, (_, row) in enumerate(table.iterrows()):
        hits = pairs.count((label, label))
        true = sum(truth == label for truth, _ in pairs)
        given_ = sum(guess == label for _, guess in pairs)
        precision, recall = hits / given_ if given_ else 0, hits / true if true else 0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0
        assert row.to_dict() == pytest.approx({"images": true, "precision": precision, "recall": recall, "f1": f1})


@given(st.integers(2, 100), st.booleans())
def test_the_names_of_classes_sort_as_the_classes_do(count, digits):
    names = [str(index) if digits else f"class {count - index}, say" for index in range(count)]
    shown = evaluate.in_order(names)
    assert shown == sorted(shown)
    assert all(text.endswith(name) for text, name in zip(shown, names, strict=True))


def test_the_digits_are_named_by_themselves():
    assert evaluate.in_order([str(digit) for digit in range(10)]) == [str(digit) for digit in range(10)]
