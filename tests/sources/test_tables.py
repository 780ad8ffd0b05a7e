"""Tables of pixels as Kaggle has them."""

import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clones import SETTINGS
from support.synthetic import synthetic_digits

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources import datasets, tables
from pipeline.sources.budget import Budget
from pipeline.sources.images import Images
from pipeline.sources.raw import Conversion
from pipeline.sources.saved import Array

TRAIN = synthetic_digits(70, 0)


def read(**contents: bytes) -> dict[str, tuple[Images, Array]]:
    """Images and labels by part in some tables, whose names are written with two underscores for a dot."""
    members = {
        name.replace("__", "."): lambda content=content: io.BytesIO(content) for name, content in contents.items()
    }
    fitting, refused = tables.survey(members, Budget())
    for error in refused:
        raise error
    return tables.read(members, fitting, Budget(), Conversion(None, False, None).images)[0]


def table(labels: list[object] | None, header: bool = True) -> bytes:
    """A row an image, its label first."""
    rows = [[*map(str, image.ravel())] for image in TRAIN.images]
    names = [f"pixel{number}" for number in range(784)]
    if labels is not None:
        rows = [[str(label), *row] for label, row in zip(labels, rows, strict=True)]
        names = ["label", *names]
    return "\n".join(",".join(row) for row in ([names] if header else []) + rows).encode()


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("name", ["train.csv", "mnist_train.csv", "a/fashion-mnist_train.csv.gz"])
def test_a_table_is_read_with_and_without_the_names_of_its_columns(name: str, header: bool):
    content = table(list(TRAIN.labels), header)
    content = gzip.compress(content) if name.endswith(".gz") else content
    images, labels = read(**{name: content})["train"]
    np.testing.assert_array_equal(images.array(), TRAIN.images)
    np.testing.assert_array_equal(labels, TRAIN.labels)


def test_a_test_table_without_labels_is_passed_over_and_a_share_of_the_other_tests(tmp_path: Path):
    (tmp_path / "train.csv").write_bytes(table(list(TRAIN.labels)))
    (tmp_path / "test.csv").write_bytes(table(None))
    contents, names, notes = datasets.custom(tmp_path, SETTINGS.fetch)
    assert names == [str(digit) for digit in range(10)]
    assert [note for note in notes if note == "test.csv has no labels, and is passed over"]
    counts = [np.bincount(idx.decode(contents[name], "", 1)).tolist() for name in idx.FILES[1::2]]
    assert counts == [[6] * 10, [1] * 10]


def test_a_table_of_validation_images_joins_training_and_emnists_images_are_turned(tmp_path: Path):
    for part in ("train", "valid", "test"):
        (tmp_path / f"emnist-digits-{part}.csv").write_bytes(table(list(TRAIN.labels), header=False))
    contents, _, notes = datasets.custom(tmp_path, SETTINGS.fetch)
    images = idx.decode(contents[idx.TRAIN_IMAGES], "", 3)
    turned = TRAIN.images.swapaxes(1, 2)
    np.testing.assert_array_equal(np.sort(images, axis=0), np.sort(np.concatenate([turned, turned]), axis=0))
    np.testing.assert_array_equal(idx.decode(contents[idx.TEST_IMAGES], "", 3), turned)
    assert "its 70 validation images join the training images; prepare splits anew" in notes
    assert "emnist-digits-train.csv: EMNIST's images lie on their side, and are turned" in notes


def test_a_submission_beside_the_tables_is_passed_over(tmp_path: Path):
    (tmp_path / "train.csv").write_bytes(table(list(TRAIN.labels)))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    notes = datasets.custom(tmp_path, SETTINGS.fetch)[2]
    assert [note for note in notes if note.startswith("passed over: sample_submission.csv: 2 columns; needed are")]


def test_what_is_read_in_pieces_is_what_is_read_at_once(monkeypatch: pytest.MonkeyPatch):
    whole = read(train__csv=table(list(TRAIN.labels)))["train"]
    monkeypatch.setattr(tables, "PIECE", 60_000)
    pieces = read(train__csv=table(list(TRAIN.labels)))["train"]
    np.testing.assert_array_equal(pieces[0].array(), whole[0].array())
    np.testing.assert_array_equal(pieces[1], whole[1])


def test_labels_that_are_words_stay_words():
    words = ["None", "NA", "01"]
    content = table([words[label % 3] for label in TRAIN.labels])
    assert set(read(train__csv=content)["train"][1]) == set(words)


def test_a_label_without_a_name_may_stand_last_as_in_scikit_learns_digits():
    rows = np.c_[TRAIN.images.reshape(70, 784), TRAIN.labels]
    rows[:, 0] = 0
    content = "\n".join(",".join(map(str, row)) for row in rows).encode()
    images, labels = read(digits__csv=content)["train"]
    np.testing.assert_array_equal(labels, TRAIN.labels)
    np.testing.assert_array_equal(images.array().reshape(70, 784), rows[:, :-1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"label,a,b,c\n1,2,3,4\n", "train.csv: 4 columns; needed are a label and the pixels of a square image"),
        (b"label,a,b,c,d\n1,2,x,4,5\n", "train.csv: column b holds something else than numbers"),
        (b"", "train.csv: 0 columns; needed are a label"),
    ],
)
def test_what_does_not_fit_is_named(content: bytes, message: str):
    with pytest.raises(UserError, match=message):
        read(train__csv=content)


def test_two_tables_of_one_part_are_refused():
    content = table(list(TRAIN.labels))
    with pytest.raises(UserError, match=r"b_train\.csv and another table of the same part"):
        read(a_train__csv=content, b_train__csv=content)


@given(content=st.one_of(st.binary(max_size=200), st.text("0123456789,.-\nax\"'", max_size=200).map(str.encode)))
@settings(deadline=None, max_examples=150)
def test_whatever_a_table_holds_the_end_is_an_answer_or_one_line(content: bytes):
    said = "train.csv: "
    try:
        read(train__csv=content)
    except UserError as error:
        said = str(error)
    assert re.fullmatch(r"train\.csv(:| is not readable as a table:) .*", said)
