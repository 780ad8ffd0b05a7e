"""Folders of pictures, one a class."""

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from support.clones import SETTINGS

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources import datasets, pictures, reader
from pipeline.sources.archives import Contents
from pipeline.sources.budget import Budget

GREY = np.random.default_rng(0).integers(0, 256, (10, 12), np.uint8)
Draw = Callable[[], Image.Image]


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def members(*paths: str) -> dict[str, Callable[[], io.BytesIO]]:
    """Pictures of one grey value each, that of their number."""
    return {
        path: lambda number=number: io.BytesIO(encoded(Image.new("L", (9, 8), number)))  # type: ignore[misc]
        for number, path in enumerate(paths)
    }


def read(
    members: Contents, size: tuple[int, int] | None = None
) -> tuple[dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]], list[str]] | None:
    found = pictures.read(members, Budget(), None, False, size)
    return found and ({part: (images.array(), labels) for part, (images, labels) in found[0].items()}, found[1])


def test_a_class_is_a_folder_and_its_number_the_place_of_its_name():
    found = read(members("own/train/dog/1.png", "own/train/cat/2.PNG", "own/test/dog/3.png"))
    assert found is not None
    parts, classes = found
    assert classes == ["cat", "dog"]
    images, labels = parts["train"]
    assert images.shape == (2, 8, 9)
    assert sorted(zip(labels, images[:, 0, 0], strict=True)) == [(0, 1), (1, 0)]
    images, labels = parts["test"]
    assert (labels.tolist(), images[0, 0, 0]) == ([1], 2)


def test_one_tree_trains_and_tests_and_other_files_are_passed_over():
    others = dict.fromkeys(("cat/Thumbs.db", "notes.txt", "cat/._1.png", "1.png"), io.BytesIO)
    found = read(members("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png") | others)
    assert found is not None
    assert {part: len(images) for part, (images, _) in found[0].items()} == {"train": 2, "test": 2}
    assert read(others) is None


def test_two_places_with_pictures_are_refused():
    with pytest.raises(UserError, match="pictures lie in birds and in pets; name one of them"):
        read(members("pets/train/cat/1.png", "birds/train/owl/1.png"))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: Image.fromarray(GREY),
        lambda: Image.fromarray(np.repeat(GREY[..., None], 3, axis=2)),
        lambda: Image.fromarray(GREY.astype(np.uint16) * 257),
        lambda: Image.fromarray(GREY).convert("P"),
        lambda: Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (12, 10), 255)]),
    ],
    ids=["grey", "grey as colour", "16 bits", "palette", "alpha"],
)
def test_every_kind_of_grey_picture_gives_the_same_pixels(draw: Draw):
    np.testing.assert_array_equal(np.asarray(pictures.read_picture("a.png", encoded(draw()), None, False)), GREY)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_scale_holds_for_pictures_of_8_and_of_16_bits(kind: type):
    dim = encoded(Image.fromarray((GREY // 17).astype(kind)))
    values = np.asarray(pictures.read_picture("a.png", dim, 15, False))
    np.testing.assert_array_equal(values, GREY // 17 * 17)
    with pytest.raises(UserError, match=r"^a\.png: found 1[45] at \[0, .*\]; allowed are 0 to 13"):
        pictures.read_picture("a.png", dim, 13, False)


def test_a_picture_stands_upright_as_its_camera_says():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(GREY).save(buffer, "PNG", exif=exif)
    upright = pictures.read_picture("a.png", buffer.getvalue(), None, False)
    np.testing.assert_array_equal(np.asarray(upright), GREY[::-1, ::-1])


def test_what_is_transparent_is_black():
    picture = Image.merge("LA", [Image.new("L", (9, 8), 200), Image.new("L", (9, 8), 0)])
    assert np.asarray(pictures.read_picture("a.png", encoded(picture), None, False)).max() == 0


def test_colour_is_refused_with_the_setting_that_makes_it_grey():
    red = encoded(Image.new("RGB", (9, 8), "red"), "BMP")
    with pytest.raises(UserError, match=r"cat/1\.bmp: in colour; fetch\.grey: true"):
        pictures.read_picture("cat/1.bmp", red, None, False)
    assert np.unique(np.asarray(pictures.read_picture("cat/1.bmp", red, None, True))).tolist() == [76]


def test_other_sizes_are_refused_with_what_was_found_and_brought_to_one_where_it_is_asked_for():
    wide = {"test/dog/2.png": lambda: io.BytesIO(encoded(Image.new("L", (20, 10), 255)))}
    with pytest.raises(UserError, match=r"pictures of 2 sizes: 8x9 \(2\), 10x20 \(1\); fetch\.size: \[28, 28\]"):
        read(members("train/cat/1.png", "train/dog/1.png") | wide)
    found = read(wide, (28, 28))
    assert found is not None
    (image,) = found[0]["test"][0]
    assert image.shape == (28, 28)
    assert (image[7:21] == 255).all()  # as wide as it may be, half as high
    assert image[:7].max() == image[21:].max() == 0


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "LARGEST", 50)
    with pytest.raises(UserError, match="12x10 pixels; allowed are 50 in all"):
        pictures.read_picture("a.png", encoded(Image.fromarray(GREY)), None, False)


def test_a_large_photo_is_decoded_at_a_part_of_its_size_where_a_size_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    photo = encoded(Image.linear_gradient("L").resize((800, 800)), "JPEG")
    monkeypatch.setattr(pictures, "LARGEST", 100 * 100)
    with pytest.raises(
        UserError, match=r"800x800 pixels; allowed are 10,000 in all, or more of a JPEG with fetch\.size"
    ):
        pictures.read_picture("a.jpg", photo, None, False)
    small = pictures.fitted(pictures.read_picture("a.jpg", photo, None, False, (28, 28)), (28, 28))
    monkeypatch.undo()
    whole = pictures.fitted(pictures.read_picture("a.jpg", photo, None, False), (28, 28))
    assert np.abs(small.astype(int) - whole).max() < 3


def test_a_tree_of_pictures_becomes_a_data_set_of_which_one_in_seven_of_each_class_tests(tmp_path: Path):
    for name in ("NA", "cat"):
        (tmp_path / name).mkdir()
        for number in range(14):
            Image.new("L", (9, 8), number * 10 + (name == "cat")).save(tmp_path / name / f"{number}.png")
    contents, names, notes = datasets.custom(tmp_path, SETTINGS.fetch)
    assert names == ["NA", "cat"]
    assert [note for note in notes if "no test images come along: 4 of 28" in note]
    images = {part: idx.decode(contents[name], "", 3)[:, 0, 0] for part, name in zip("ab", idx.FILES[::2], strict=True)}
    labels = {part: idx.decode(contents[name], "", 1) for part, name in zip("ab", idx.FILES[1::2], strict=True)}
    assert sorted([*images["a"], *images["b"]]) == sorted(number * 10 + one for number in range(14) for one in (0, 1))
    for part in "ab":
        np.testing.assert_array_equal(images[part] % 10, labels[part])
    assert np.bincount(labels["b"]).tolist() == [2, 2]
    assert (np.diff(labels["a"].astype(int)) < 0).any()  # not class by class
    assert datasets.custom(tmp_path, SETTINGS.fetch)[0] == contents


@given(
    form=st.sampled_from(["PNG", "JPEG", "BMP"]), cut=st.integers(0, 400),
    flips=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=4),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_a_damaged_picture_is_an_image_or_one_line(form: str, cut: int, flips: list[tuple[int, int]]):
    content = bytearray(encoded(Image.fromarray(GREY), form))
    for position, value in flips:
        content[position % len(content)] = value
    said = "a: "
    try:
        pictures.read_picture("a", bytes(content[:cut] if cut < 399 else content), None, True)
    except UserError as error:
        said = str(error)
    assert re.fullmatch("a(:| is not readable as a picture:) .*", said)


def test_a_folder_is_read_as_its_zip(tmp_path: Path):
    (tmp_path / "own/cat").mkdir(parents=True)
    (tmp_path / "own/dog").mkdir()
    for number in range(4):
        for name in ("cat", "dog"):
            Image.new("L", (9, 8), number * 9 + len(name)).save(tmp_path / f"own/{name}/{number}.png")
    shutil.make_archive(str(tmp_path / "own"), "zip", tmp_path / "own")
    one, other = (reader.read(tmp_path / name) for name in ("own", "own.zip"))
    for name in one.arrays:
        np.testing.assert_array_equal(one.arrays[name], other.arrays[name])
