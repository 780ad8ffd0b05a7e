"""A photo as ink: whatever the light, the paper and the pen, the same digit comes out."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image
from support import photographed as pictured

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources import photos
from pipeline.sources.centred import centred

SIZE = (28, 28)
SEVEN = pictured.ink("seven")
RANDOM = np.random.default_rng(0)


def image_of(content: bytes) -> NDArray[np.uint8]:
    return photos.stretched(centred(photos.inked(photos.read_grey("it", content), SIZE).ink, SIZE).image)


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def noisy(values: NDArray[np.float64], by: float = 6) -> NDArray[np.float64]:
    return values + RANDOM.normal(0, by, values.shape)


def lined(sheet: NDArray[np.float64]) -> NDArray[np.float64]:
    lines = np.ones(sheet.shape)
    lines[20::60] = lines[21::60] = 0.8
    return sheet * lines


def on_a_table(sheet: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.pad(sheet, ((60, 60), (90, 0)), constant_values=55)


SHEET = pictured.on_paper(SEVEN)
SCENES: dict[str, Callable[[], bytes]] = {
    "dark on white": lambda: pictured.encoded(255.0 - SEVEN),
    "bright on black": lambda: pictured.encoded(SEVEN),
    "light fades": lambda: pictured.encoded(pictured.shaded(SHEET)),
    "a shadow over most of it": lambda: pictured.encoded(pictured.beside_shadow(SHEET)),
    "dim paper": lambda: pictured.encoded(pictured.on_paper(SEVEN, paper=100, pen=20)),
    "pencil": lambda: pictured.encoded(noisy(pictured.on_paper(SEVEN, pen=150), 3)),
    "chalk in uneven light": lambda: pictured.encoded(pictured.shaded(pictured.on_paper(SEVEN, paper=50, pen=200))),
    "lined paper": lambda: pictured.encoded(lined(SHEET)),
    "a table around it": lambda: pictured.encoded(on_a_table(SHEET)),
    "noise and a hard JPEG": lambda: pictured.encoded(noisy(SHEET), "JPEG", quality=25),
    "small in a large one": lambda: pictured.encoded(pictured.on_paper(SEVEN, (2000, 1500), (900, 200))),
    "16 bits": lambda: pictured.encoded(SEVEN.astype(np.uint16) * 257),
    "a bold pen, cut tightly": lambda: pictured.encoded(255.0 - pictured.ink("seven", 16)[40:252, 50:232]),
}  # fmt: skip


@pytest.mark.parametrize("scene", SCENES)
def test_a_seven_is_the_same_seven_in_every_photo(scene: str) -> None:
    assert alike(image_of(SCENES[scene]()), centred(SEVEN, SIZE).image) > 0.9


def test_a_hairline_gives_as_bright_an_image_as_a_pen() -> None:
    assert image_of(pictured.encoded(255.0 - pictured.ink("seven", 2))).max() == 255


def test_what_is_transparent_is_white_under_dark_ink_and_black_under_bright_ink() -> None:
    alpha = SEVEN
    for shade in (0, 255):
        colour = np.dstack([np.full((*SEVEN.shape, 3), shade, np.uint8), alpha])
        grey = photos.read_grey("it", pictured.encoded(colour))
        assert grey[0, 0] == 255 - shade
        assert alike(image_of(pictured.encoded(colour)), centred(SEVEN, SIZE).image) > 0.99


@given(grey=arrays(np.uint8, (3, 4)), alpha=arrays(np.uint8, (3, 4)))
def test_what_is_opaque_stays_and_what_is_clear_becomes_black_or_white(
    grey: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> None:
    over = photos.filled(grey, alpha)
    assert np.array_equal(over[alpha == 255], grey[alpha == 255])
    assert set(over[alpha == 0].tolist()) in (set(), {0}, {255})


def test_a_photo_is_taken_as_the_camera_was_held() -> None:
    sheet = Image.fromarray(np.rint(SHEET).astype(np.uint8)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise to be upright
    turned = photos.read_grey("it", _saved(sheet, exif))
    assert turned.shape == SHEET.shape
    assert np.abs(turned - SHEET).mean() < 2


def _saved(picture: Image.Image, exif: Image.Exif) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", exif=exif, quality=95)
    return content.getvalue()


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_of_the_networks_own_size_is_taken_as_it_is(inverted: bool) -> None:
    image = centred(SEVEN, SIZE).image
    found = photos.inked(255 - image if inverted else image, SIZE)
    assert found.ready
    assert found.inverted == inverted
    assert np.array_equal(found.ink, image)


@pytest.mark.parametrize(
    "sheet",
    [np.full((300, 200), 240.0), pictured.shaded(np.full((300, 200), 240.0)), noisy(np.full((600, 600), 200.0), 3),
     np.full((28, 28), 90.0), np.full((1, 1), 0.0)],
)  # fmt: skip
def test_an_empty_sheet_holds_no_digit(sheet: NDArray[np.float64]) -> None:
    grey = photos.read_grey("it", pictured.encoded(sheet))
    with pytest.raises(UserError, match=r"^holds no digit: its ink differs from its background by only \d+ of 255$"):
        photos.inked(grey, SIZE)


@given(grey=st.tuples(st.integers(1, 30), st.integers(1, 30)).flatmap(lambda shape: arrays(np.uint8, shape)))
def test_whatever_the_picture_ink_comes_out_or_one_line(grey: NDArray[np.uint8]) -> None:
    try:
        found = photos.inked(grey, (12, 10))
    except UserError:
        return
    assert found.ink.shape == grey.shape
    assert found.ink.max() >= photos.FAINTEST


@given(grey=arrays(np.uint8, (14, 23)))
def test_a_background_is_never_above_the_picture_and_is_its_own_background(grey: NDArray[np.uint8]) -> None:
    behind = photos.background(grey)
    assert (behind <= grey).all()
    assert np.array_equal(photos.background(behind), behind)


def test_a_window_counts_only_what_lies_in_the_picture() -> None:
    ramp = np.add.outer(np.arange(30), 2 * np.arange(40)).astype(np.uint8)
    assert np.array_equal(photos.background(ramp)[:20, :30], ramp[:20, :30])


@given(grey=arrays(np.uint8, (9, 9), elements=st.integers(0, 12).map(lambda number: number * 20)))
def test_the_threshold_is_the_first_of_all_that_part_the_values_best(grey: NDArray[np.uint8]) -> None:
    def between(level: int) -> float:
        low, high = grey[grey <= level].astype(float), grey[grey > level].astype(float)
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2 if len(low) and len(high) else 0.0

    variances = [between(level) for level in range(256)]
    assert variances[photos.threshold(grey)] == pytest.approx(max(variances))
    assert photos.threshold(grey) == next(n for n, one in enumerate(variances) if one >= max(variances) * (1 - 1e-12))


def test_pieces_at_the_edge_and_specks_are_dropped_unless_the_digit_is_one_of_them() -> None:
    ink = np.zeros((60, 60), np.uint8)
    ink[10:40, 20:30] = 200
    digit = ink.copy()
    ink[:, :5] = 250  # a table
    ink[50:52, 50:52] = 90  # a crumb
    assert np.array_equal(photos.whole(ink), digit)
    ink[10:40, 20:30] = 0
    assert photos.whole(ink)[:, :5].all()


@pytest.mark.slow
def test_photos_of_mnists_digits_give_these_digits_back(mnist: Path) -> None:
    images = idx.decode((mnist / idx.TEST_IMAGES).read_bytes(), idx.TEST_IMAGES, 3)[:200]
    likeness = []
    for image in images:
        large = np.asarray(Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC))
        scene = pictured.encoded(noisy(pictured.beside_shadow(pictured.on_paper(large))), "JPEG", quality=60)
        found = image_of(scene)
        # a faint end that is lost may move the centre of mass by a pixel
        moved = (np.roll(found, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1))
        likeness.append(max(alike(one, image) for one in moved))
    assert np.median(likeness) > 0.95
    assert np.mean(np.array(likeness) > 0.85) > 0.98
