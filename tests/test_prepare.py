import re
from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_digits, write_idx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import files, paths, prepare
from pipeline.errors import UserError
from pipeline.params import Prepare
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


def test_images_without_as_many_labels_are_refused_with_both_counts():
    with pytest.raises(UserError, match="3 images but 2 labels"):
        Split(np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8))


@given(st.lists(st.integers(0, 9)))
@settings(deadline=None)
def test_every_image_is_counted_in_its_class(labels: list[int]):
    counts = prepare.class_counts(np.array(labels, np.uint8), 10)
    assert counts == {str(label): labels.count(label) for label in range(10)}
    assert sum(counts.values()) == len(labels)


def test_raw_files_come_back_as_the_images_that_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    train, test = synthetic_digits(30, 0), synthetic_digits(20, 1)
    write_idx(paths.RAW, train, test)
    for part, expected in (("train", train), ("t10k", test)):
        found = prepare.read_raw(part)
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_a_truncated_raw_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = write_idx(paths.RAW, synthetic_digits(30, 0), synthetic_digits(20, 1)) / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"^{path}: "):
        prepare.read_raw("t10k")


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
    assert prepare.choose(6, images, seed=0, key="visualise.digit") == 6
    drawn = [prepare.choose(None, images, seed, key="visualise.digit") for seed in range(50)]
    assert set(drawn) == set(range(7))
    assert drawn[3] == prepare.choose(None, images, seed=3, key="visualise.digit")
    with pytest.raises(UserError, match=r"^params\.yaml: visualise\.digit: found 7; allowed are 0 to 6$"):
        prepare.choose(7, images, seed=0, key="visualise.digit")
