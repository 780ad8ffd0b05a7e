"""The measures of each class against counting by hand; the stage on the finished clone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clones import Clone

from pipeline import evaluate
from pipeline.data import files
from pipeline.metrics.scores import softmax
from pipeline.metrics.shifts import shift_accuracy_by_image
from pipeline.metrics.statistics import confusion_matrix
from pipeline.network import saving

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


@pytest.mark.slow
def test_the_stage_measures_the_saved_network_on_moved_test_images(finished: Clone):
    network = saving.load(finished.folder / "models/model.keras")
    images, labels = (np.load(finished.folder / f"data/prepared/test_{kind}.npy") for kind in ("images", "labels"))
    shares = shift_accuracy_by_image(images, labels, lambda moved: network.predict(moved, verbose=0).argmax(axis=1))
    measured = files.read_json(finished.folder / "metrics/evaluate.json")["shift_4_accuracy"]
    assert measured == pytest.approx(shares.mean(), abs=0.001)  # of 3,200 answers, where rounding might turn one


@pytest.mark.slow
def test_the_stage_keeps_the_logits_of_every_test_and_validation_image(finished: Clone):
    network = saving.load(finished.folder / "models/model.keras")
    with np.load(finished.folder / "data/predictions.npz") as saved:
        for part, logits in (("test", saved["logits"]), ("validation", saved["validation_logits"])):
            images = np.load(finished.folder / f"data/prepared/{part}_images.npy")
            np.testing.assert_allclose(softmax(logits), network.predict(images, verbose=0), atol=1e-6)
        np.testing.assert_array_equal(saved["probabilities"], softmax(saved["logits"]))
        labels = np.load(finished.folder / "data/prepared/validation_labels.npy")
        np.testing.assert_array_equal(saved["validation_labels"], labels)
