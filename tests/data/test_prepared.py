"""The splits, and what is chosen from them."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.synthetic import synthetic_digits

from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.sections import Prepare
from pipeline.data import files, prepared
from pipeline.data.prepared import Split

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
    wanted = Prepare(train_size=train_size, validation="holdout", validation_size=validation_size, seed=None)
    train, test = numbered(available), numbered(7)
    last = train_size + validation_size
    if last > available:
        with pytest.raises(UserError) as refused:
            prepared.split(train, test, wanted)
        assert re.fullmatch(
            f"params.yaml: prepare.train_size: found {train_size} with prepare.validation_size {validation_size}, "
            f"{last} together; .* {available} images",
            str(refused.value),
        )
    else:
        parts = prepared.split(train, test, wanted)
        check(parts["train"], range(train_size))
        check(parts["validation"], range(train_size, last))
        assert parts["test"] is test


@given(sizes, sizes)
@example(20, 20)
@settings(deadline=None)
def test_validation_on_the_test_set_takes_no_image_from_training(available: int, train_size: int):
    wanted = Prepare(train_size=train_size, validation="test", validation_size=10**6, seed=None)
    train, test = numbered(available), numbered(7)
    if train_size > available:
        with pytest.raises(UserError, match=f"prepare.train_size: found {train_size}; .* {available} images$"):
            prepared.split(train, test, wanted)
    else:
        parts = prepared.split(train, test, wanted)
        check(parts["train"], range(train_size))
        assert parts["validation"] is parts["test"] is test


@given(sizes, sizes)
@example(1, 1)
@settings(deadline=None)
def test_all_is_every_training_image_but_those_of_validation(available: int, validation_size: int):
    train, test = numbered(available), numbered(7)
    parts = prepared.split(
        train, test, Prepare(train_size="all", validation="test", validation_size=validation_size, seed=None)
    )
    check(parts["train"], range(available))
    wanted = Prepare(train_size="all", validation="holdout", validation_size=validation_size, seed=None)
    if validation_size >= available:
        with pytest.raises(
            UserError, match=f"found all with prepare.validation_size {validation_size}, .* {available} im"
        ):
            prepared.split(train, test, wanted)
    else:
        parts = prepared.split(train, test, wanted)
        check(parts["train"], range(available - validation_size))
        check(parts["validation"], range(available - validation_size, available))


@st.composite
def pools(draw: st.DrawFn) -> tuple[Split, int, int]:
    """Images that say which one they are, of classes of unequal size in any order, and how many train and validate."""
    labels = draw(st.lists(st.integers(0, 4), min_size=2, max_size=60))
    training = draw(st.integers(1, len(labels) - 1))
    validating = draw(st.integers(1, len(labels) - training))
    numbers = np.arange(len(labels), dtype=np.uint8)
    return Split(numbers.reshape(-1, 1, 1), np.array(labels, np.uint8)), training, validating


def drawn_by(seed: int, pool: Split, training: int, validating: int, validation: str = "holdout") -> dict[str, Split]:
    wanted = Prepare(train_size=training, validation=validation, validation_size=validating, seed=seed)
    return prepared.split(pool, numbered(7), wanted)


def check_shares(part: Split, source: Split) -> None:
    """Every class has its share of the images that it was drawn from, to less than one image."""
    counts, of_source = (np.bincount(split.labels, minlength=5) for split in (part, source))
    assert (np.abs(counts - of_source * len(part.labels) / len(source.labels)) < 1).all()


@given(pools(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_seed_draws_images_that_train_and_others_that_validate_each_class_in_its_share(
    case: tuple[Split, int, int], seed: int
):
    pool, training, validating = case
    parts = drawn_by(seed, *case)
    first, second = (parts[name].images.ravel() for name in ("train", "validation"))
    assert (len(first), len(second)) == (training, validating)
    assert len({*first, *second}) == training + validating
    for name, indices in (("train", first), ("validation", second)):
        np.testing.assert_array_equal(parts[name].labels, pool.labels[indices])
        assert (np.diff(indices.astype(int)) > 0).all()
    check_shares(parts["train"], pool)
    left = np.setdiff1d(np.arange(len(pool.labels)), first)
    check_shares(parts["validation"], Split(pool.images[left], pool.labels[left]))


@given(pools(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_where_the_test_set_validates_a_seed_draws_the_same_training_images_and_no_others(
    case: tuple[Split, int, int], seed: int
):
    parts, with_holdout = drawn_by(seed, *case, "test"), drawn_by(seed, *case)
    np.testing.assert_array_equal(parts["train"].images, with_holdout["train"].images)
    assert parts["validation"] is parts["test"]


def test_a_seed_gives_the_same_images_every_time_another_seed_others_and_every_image_has_its_chance():
    pool = synthetic_digits(200, 0)
    numbers = Split(np.arange(200).reshape(-1, 1, 1), pool.labels)
    drawn = [drawn_by(seed, numbers, 40, 40) for seed in [*range(50), 3]]
    chosen = [tuple(parts[name].images.ravel()) for name in ("train", "validation") for parts in drawn]
    assert chosen[3] == chosen[50]
    assert chosen[54] == chosen[101]
    assert len(set(chosen)) == 100
    assert {int(number) for images in chosen for number in images} == set(range(200))


def test_a_seed_leaves_no_image_out_where_all_are_asked_for():
    pool = synthetic_digits(200, 0)
    wanted = Prepare(train_size="all", validation="holdout", validation_size=30, seed=4)
    parts = prepared.split(pool, pool, wanted)
    both = np.concatenate([parts["train"].images, parts["validation"].images])
    assert sorted(image.tobytes() for image in both) == sorted(image.tobytes() for image in pool.images)
    every = prepared.split(pool, pool, wanted.model_copy(update={"validation": "test"}))["train"]
    np.testing.assert_array_equal(every.images, pool.images)


def test_a_prepared_split_is_mapped_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    digits = synthetic_digits(30, 0)
    files.write_array(paths.PREPARED / "train_images.npy", digits.images)
    files.write_array(paths.PREPARED / "train_labels.npy", digits.labels)
    loaded = prepared.load("train")
    assert isinstance(loaded.images, np.memmap)
    np.testing.assert_array_equal(loaded.images, digits.images)
    np.testing.assert_array_equal(loaded.labels, digits.labels)


def test_a_named_image_is_taken_an_unnamed_one_drawn_by_the_seed_and_a_missing_one_refused_by_name():
    images = np.zeros((7, 28, 28), np.uint8)
    assert prepared.choose(6, images, seed=0, key="evaluate.image") == 6
    drawn = [prepared.choose(None, images, seed, key="evaluate.image") for seed in range(50)]
    assert set(drawn) == set(range(7))
    assert drawn[3] == prepared.choose(None, images, seed=3, key="evaluate.image")
    with pytest.raises(UserError, match=r"^params\.yaml: evaluate\.image: found 7; allowed are 0 to 6$"):
        prepared.choose(7, images, seed=0, key="evaluate.image")


FINDS = np.array([3, 5, 8, 11])  # indices of wrong images


def test_a_named_example_is_kept():
    assert prepared.choose_among(8, FINDS, 0, "error_analysis.wrong") == 8


def test_the_seed_draws_an_example_among_the_candidates():
    drawn = [prepared.choose_among(None, FINDS, seed, "error_analysis.wrong") for seed in range(50)]
    assert drawn == [prepared.choose_among(None, FINDS, seed, "error_analysis.wrong") for seed in range(50)]
    assert set(drawn) == set(FINDS)


def test_without_candidates_there_is_no_example():
    assert prepared.choose_among(None, FINDS[:0], 0, "error_analysis.wrong") is None


@pytest.mark.parametrize("index", [4, 10_000])
@pytest.mark.parametrize("key", ["error_analysis.wrong", "error_analysis.right"])
def test_a_named_example_that_is_none_is_refused_by_name(key, index):
    with pytest.raises(UserError, match=rf"^params\.yaml: {key}: found {index}; .* 3, 5, 8, 11\b"):
        prepared.choose_among(index, FINDS, 0, key)


def test_a_named_example_is_refused_in_a_whole_sentence_where_there_are_no_candidates():
    with pytest.raises(UserError, match=r"^params\.yaml: error_analysis\.wrong: found 4; (?!.*, \.\.\.)"):
        prepared.choose_among(4, FINDS[:0], 0, "error_analysis.wrong")
