import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.clones import SETTINGS
from support.synthetic import contents_of, cut, flip, synthetic_digits, write_gz, write_idx, write_npz, write_zip

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.data.prepared import Split
from pipeline.sources import datasets, reader
from pipeline.sources.datasets import Known

TRAIN, TEST = synthetic_digits(30, 0), synthetic_digits(20, 1)
CONTENTS = contents_of(TRAIN, TEST)
CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
OURS = Known("MNIST", CHECKSUMS, [str(digit) for digit in range(10)])
IMAGES, LABELS = idx.TRAIN_IMAGES, idx.TEST_LABELS
FORMS = [write_idx, write_gz, write_zip, write_npz]
Form = Callable[[Path, Split, Split], object]
Arrays = dict[str, np.ndarray]


@pytest.mark.parametrize(
    ("part", "damage", "message"),
    [
        (LABELS, Path.unlink, rf"{LABELS} not found \(nor {LABELS}\.gz\); needed are "),
        (IMAGES, cut, f"{IMAGES}: .*30x28x28"),
        (IMAGES, flip, f"{IMAGES} is not MNIST's: expected SHA-256 {CHECKSUMS[IMAGES]}, found [0-9a-f]{{64}}$"),
    ],
)
def test_a_known_data_set_is_refused_by_the_file_that_is_not_its_own(
    tmp_path: Path, part: str, damage: Callable[[Path], None], message: str
):
    place = write_idx(tmp_path / "data", TRAIN, TEST)
    assert datasets.verify_checksums(reader.read(place), place, OURS) == CONTENTS
    damage(place / part)
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: {message}") as refused:
        datasets.verify_checksums(reader.read(place), place, OURS)
    assert "\n" not in str(refused.value)


@given(
    size=st.tuples(st.integers(8, 128), st.integers(8, 128)),
    classes=st.integers(2, 100),
    more=st.integers(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
@example(size=(8, 128), classes=2, more=0, seed=0)
@example(size=(128, 8), classes=100, more=1, seed=0)
@settings(deadline=None, max_examples=15)
@pytest.mark.parametrize("form", FORMS)
def test_any_grey_images_of_ones_own_come_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, form: Form, size: tuple[int, int], classes: int, more: int, seed: int
):
    random = np.random.default_rng(seed)

    def part(count: int) -> Split:
        labels = random.permutation(np.arange(count) % classes).astype(np.uint8)
        return Split(random.integers(0, 256, (count, *size), np.uint8), labels)

    train, test = part(classes + more), part(classes)
    place = tmp_path_factory.mktemp("own") / "data"
    form(place, train, test)
    contents, names, _ = datasets.custom(place, SETTINGS.fetch)
    shutil.rmtree(place.parent)
    for name, array in zip(idx.FILES, [train.images, train.labels, test.images, test.labels], strict=True):
        np.testing.assert_array_equal(idx.decode(contents[name], name, array.ndim), array)
    assert names == [str(label) for label in range(classes)]


GREY = np.random.default_rng(0).integers(0, 256, (9, 9, 10), np.uint8)
CLASSES = np.arange(9) % 3
PETS = ["dog", "Katze", "dragonfly 🐉"]


def own_arrays(**changes: object) -> Arrays:
    """Nine images in three classes for training and three for testing, some arrays other than that or left out."""
    arrays = {"x_train": GREY, "y_train": CLASSES, "x_test": GREY[:3], "y_test": CLASSES[:3]} | changes
    return {name: np.asarray(array) for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize("kind", [str, np.bytes_])
def test_the_class_names_of_an_npz_are_its_class_names(tmp_path: Path, kind: type):
    names = ["dog", "cat", "ant"]
    np.savez(tmp_path / "own.npz", **own_arrays(class_names=np.array(names, kind)))
    assert datasets.custom(tmp_path / "own.npz", SETTINGS.fetch)[1] == names


@pytest.mark.parametrize("text", ["{}\n{}\n{}\n", "{}\r\n{}\r\n{}", "\n {} \n\n{}\t\n{}\n", "\ufeff{}\n{}\n{}"])
def test_the_class_names_of_a_folder_are_the_lines_of_its_classes_txt(tmp_path: Path, text: str):
    place = write_idx(tmp_path / "own", Split(GREY, CLASSES.astype(np.uint8)), Split(GREY, CLASSES.astype(np.uint8)))
    (place / "classes.txt").write_bytes(text.format(*PETS).encode())
    assert datasets.custom(place, SETTINGS.fetch)[1] == PETS
    shutil.make_archive(str(tmp_path / "own"), "zip", place)
    assert datasets.custom(tmp_path / "own.zip", SETTINGS.fetch)[1] == PETS


def sized(height: int, width: int) -> Arrays:
    return {"x_train": np.zeros((9, height, width), np.uint8), "x_test": np.zeros((3, height, width), np.uint8)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None}, f"{idx.TEST_IMAGES} not found .*; needed are {IMAGES}, .*{LABELS}, or an .npz with x_train"),
        ({"x_train": GREY[:5]}, "the training set has 5 images but 9 labels$"),
        ({"y_test": CLASSES[:2]}, "the test set has 3 images but 2 labels$"),
        ({"x_train": GREY[:0], "y_train": CLASSES[:0]}, "the training set is empty$"),
        ({"x_test": GREY[:0], "y_test": CLASSES[:0]}, "the test set is empty$"),
        (
            {"x_test": GREY[:3].transpose(0, 2, 1)},
            "the test images are 10x9; allowed is one size for all, .*, and the training images are 9x10$",
        ),
        (sized(7, 8), "the training images are 7x8; allowed is .* from 8x8 to 128x128"),
        (sized(8, 7), "the training images are 8x7; allowed is .* from 8x8 to 128x128"),
        (sized(128, 129), "the training images are 128x129; allowed is .* from 8x8 to 128x128"),
        (sized(129, 128), "the training images are 129x128; allowed is .* from 8x8 to 128x128"),
        ({"y_train": CLASSES * 0, "y_test": CLASSES[:3] * 0}, "1 class(es)? found; allowed are 2 to 100$"),
        ({"y_train": np.arange(9) + 92}, "101 classes found; allowed are 2 to 100$"),
        ({"class_names": [str(n) for n in range(101)]}, "101 classes found; allowed are 2 to 100$"),
        ({"class_names": np.empty(0, str)}, "0 classes found; allowed are 2 to 100$"),
        ({"class_names": PETS[:2]}, "training label 2 is 2; 2 classes are named, so that allowed are 0 to 1$"),
        (
            {"class_names": PETS, "y_test": [0, 3, 1]},
            "test label 1 is 3; 3 classes are named, so that allowed are 0 to 2$",
        ),
        ({"class_names": [*PETS, "eel"]}, r"the training set has no image of class 3 \(eel\); labels count from 0"),
        ({"y_train": CLASSES * 2, "y_test": [0, 2, 4]}, r"the training set has no image of class 1 \(1\); .* here 4,"),
        ({"y_test": [0, 2, 2], "class_names": PETS}, r"the test set has no image of class 1 \(Katze\); .*, here 2,"),
        ({"class_names": ["dog", "cat", "dog"]}, "the class names have dog more than once$"),
    ],
)
def test_data_of_ones_own_are_refused_with_what_was_found_and_what_is_allowed(
    tmp_path: Path, changes: Arrays, message: str
):
    place = tmp_path / "own.npz"
    np.savez(place, **own_arrays(**changes))
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: {message}") as refused:
        datasets.custom(place, SETTINGS.fetch)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (IMAGES, idx.encode(np.zeros((30, 9, 9, 3), np.uint8)), r"4 dimensions \(colour images\?\), expected .* grey"),
        (IMAGES, b"\0\0\x0d\x03" + CONTENTS[IMAGES][4:], "float32 values, expected .* grey images"),
        (LABELS, CONTENTS[IMAGES], "3 dimensions, expected .* labels, one number an image"),
        ("classes.txt", "Füße\nHände".encode("latin1"), "is not UTF-8 text: "),
    ],
)
def test_a_file_of_ones_own_that_holds_something_else_is_refused_by_its_name(
    tmp_path: Path, name: str, content: bytes, message: str
):
    place = write_idx(tmp_path / "own", TRAIN, TEST)
    (place / name).write_bytes(content)
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: {name}:? .*{message}") as refused:
        datasets.custom(place, SETTINGS.fetch)
    assert "\n" not in str(refused.value)
