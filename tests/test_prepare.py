import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.synthetic import synthetic_digits

from pipeline import prepare
from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.params import Prepare
from pipeline.data import files
from pipeline.prepare import Split

sizes = st.integers(1, 25)


def numbered(count: int) -> Split:
    """Images and labels that say which one they are."""
    numbers = np.arange(count, dtype=np.uint8)
    return Split(numbers.reshape(-1, 1, 1), numbers)


def check(part: Split, expected: range) -> None:
    np.testing.assert_array_equal(part.images.ravel(), expected)
    np.testing.assert_array_equal(part.labels, expected)


@given(sizes, sizes, sizes)
@example(20, 19, 1)
@settings(deadline=None)
def test_a_holdout_is_the_images_that_follow_those_of_training(available: int, train_size: int, validation_size: int):
    wanted = Prepare(train_size=train_size, validation="holdout", validation_size=validation_size)
    train, test = numbered(available), numbered(7)
    last = train_size + validation_size
    if last > available:
        with pytest.raises(UserError) as refused:
            prepare.split(train, test, wanted)
        assert re.fullmatch(
            f"params.yaml: prepare.train_size: found {train_size} with prepare.validation_size {validation_size}, "
            f"{last} together; .* {available} images",
            str(refused.value),
        )
    else:
        parts = prepare.split(train, test, wanted)
        check(parts["train"], range(train_size))
        check(parts["validation"], range(train_size, last))
        assert parts["test"] is test


@given(sizes, sizes)
@example(20, 20)
@settings(deadline=None)
def test_validation_on_the_test_set_takes_no_image_from_training(available: int, train_size: int):
    wanted = Prepare(train_size=train_size, validation="test", validation_size=10**6)
    train, test = numbered(available), numbered(7)
    if train_size > available:
        with pytest.raises(UserError, match=f"prepare.train_size: found {train_size}; .* {available} images$"):
            prepare.split(train, test, wanted)
    else:
        parts = prepare.split(train, test, wanted)
        check(parts["train"], range(train_size))
        assert parts["validation"] is parts["test"] is test


@given(sizes, sizes)
@example(1, 1)
@settings(deadline=None)
def test_all_is_every_training_image_but_those_of_validation(available: int, validation_size: int):
    train, test = numbered(available), numbered(7)
    parts = prepare.split(train, test, Prepare(train_size="all", validation="test", validation_size=validation_size))
    check(parts["train"], range(available))
    wanted = Prepare(train_size="all", validation="holdout", validation_size=validation_size)
    if validation_size >= available:
        with pytest.raises(
            UserError, match=f"found all with prepare.validation_size {validation_size}, .* {available} im"
        ):
            prepare.split(train, test, wanted)
    else:
        parts = prepare.split(train, test, wanted)
        check(parts["train"], range(available - validation_size))
        check(parts["validation"], range(available - validation_size, available))


def test_a_class_that_no_training_image_has_is_refused_by_name_and_a_complete_set_is_taken():
    wanted = Prepare(train_size=3, validation="test", validation_size=1)
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


def test_a_prepared_split_is_mapped_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    digits = synthetic_digits(30, 0)
    files.write_array(paths.PREPARED / "train_images.npy", digits.images)
    files.write_array(paths.PREPARED / "train_labels.npy", digits.labels)
    loaded = prepare.load("train")
    assert isinstance(loaded.images, np.memmap)
    np.testing.assert_array_equal(loaded.images, digits.images)
    np.testing.assert_array_equal(loaded.labels, digits.labels)


def test_a_named_image_is_taken_an_unnamed_one_drawn_by_the_seed_and_a_missing_one_refused_by_name():
    images = np.zeros((7, 28, 28), np.uint8)
    assert prepare.choose(6, images, seed=0, key="visualise.image") == 6
    drawn = [prepare.choose(None, images, seed, key="visualise.image") for seed in range(50)]
    assert set(drawn) == set(range(7))
    assert drawn[3] == prepare.choose(None, images, seed=3, key="visualise.image")
    with pytest.raises(UserError, match=r"^params\.yaml: visualise\.image: found 7; allowed are 0 to 6$"):
        prepare.choose(7, images, seed=0, key="visualise.image")
