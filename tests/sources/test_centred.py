"""Ink as the network's image: against MNIST itself, and what moving and scaling may not change."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pipeline.data import idx
from pipeline.sources.centred import Steps, area_average, centred

SIZE = (28, 28)
ANY = st.tuples(st.integers(1, 40), st.integers(1, 40))
INK = ANY.flatmap(lambda shape: arrays(np.uint8, shape))


@pytest.mark.slow
def test_mnists_own_images_come_back_as_they_are(mnist: Path) -> None:
    images = idx.decode((mnist / idx.TEST_IMAGES).read_bytes(), idx.TEST_IMAGES, 3)
    made = [centred(image, SIZE) for image in images]
    other = [number for number, one in enumerate(made) if not np.array_equal(one.image, images[number])]
    # three whose longer side is 19 pixels, and one that lies a row off
    assert other == [4530, 8688, 9300, 9302]
    assert [max(made[number].cut) for number in other] == [19, 20, 19, 19]


@given(ink=arrays(np.uint8, (12, 9)), row=st.integers(0, 20), column=st.integers(0, 20))
@settings(deadline=None)
def test_where_a_drawing_lies_on_the_canvas_changes_nothing(ink: NDArray[np.uint8], row: int, column: int) -> None:
    canvas = np.zeros((32, 29), np.uint8)
    canvas[row : row + 12, column : column + 9] = ink
    assert np.array_equal(centred(canvas, SIZE).image, centred(ink, SIZE).image) or not ink.any()


@given(ink=INK, height=st.integers(8, 40), width=st.integers(8, 40))
@settings(deadline=None)
def test_a_digit_fits_the_box_and_lies_inside_the_image(ink: NDArray[np.uint8], height: int, width: int) -> None:
    made = centred(ink, (height, width))
    assert made.image.shape == (height, width)
    assert max(made.size) <= np.floor(20 / 28 * min(height, width) + 0.5)
    inside = made.image[made.place[0] : made.place[0] + made.size[0], made.place[1] : made.place[1] + made.size[1]]
    assert inside.shape == made.size
    assert made.image.sum(dtype=np.int64) == inside.sum(dtype=np.int64)


@given(ink=arrays(np.uint8, SIZE))
@settings(deadline=None)
def test_ink_of_the_networks_size_is_copied_where_no_step_is_taken(ink: NDArray[np.uint8]) -> None:
    assert np.array_equal(centred(ink, SIZE, Steps(box=False, fit=False, mass=False)).image, ink)


def test_each_step_alone_does_what_it_says() -> None:
    ink = np.zeros((56, 56), np.uint8)
    ink[2:22, 4:10] = 255  # in the upper left corner
    ink[2:6, 4:30] = 255
    none = Steps(box=False, fit=False, mass=False)
    assert np.array_equal(centred(ink, SIZE, none).image, ink[::2, ::2])
    assert centred(ink, SIZE, Steps(box=True, fit=False, mass=False)).place == (9, 7)
    assert centred(ink, SIZE, Steps(box=True, fit=True, mass=False)).size == (15, 20)
    assert centred(ink, SIZE, Steps(box=False, fit=True, mass=False)).size == (20, 20)
    assert centred(ink, SIZE, Steps(box=True, fit=True, mass=True)).place == (9, 8)


@given(ink=INK)
@settings(deadline=None)
def test_the_centre_of_mass_lies_within_half_a_pixel_of_the_middle_unless_the_image_ends(
    ink: NDArray[np.uint8],
) -> None:
    made = centred(ink, (64, 64))
    total = made.image.sum(dtype=np.int64)
    for axis in (0, 1):
        along = made.image.sum(axis=1 - axis, dtype=np.int64)
        ends = made.place[axis] in (0, 64 - made.size[axis])
        assert not total or ends or abs(along @ np.arange(64) / total - 32) <= 0.5


def test_no_ink_is_an_image_of_zeros() -> None:
    for box in (True, False):
        assert not centred(np.zeros((50, 30), np.uint8), SIZE, Steps(box=box)).image.any()


@given(values=INK, height=st.integers(1, 40), width=st.integers(1, 40))
@settings(deadline=None)
def test_an_area_average_keeps_the_mean_up_to_rounding(values: NDArray[np.uint8], height: int, width: int) -> None:
    means = area_average(values, (height, width))
    assert abs(means.mean() - values.mean()) <= 0.5 + 1e-6
    assert values.min() <= means.min()
    assert means.max() <= values.max()


@given(values=arrays(np.uint8, (6, 8)))
def test_an_area_average_by_a_whole_number_is_the_mean_of_blocks_rounded_half_up(values: NDArray[np.uint8]) -> None:
    blocks = values.reshape(3, 2, 4, 2).sum(axis=(1, 3), dtype=np.int64)
    assert np.array_equal(area_average(values, (3, 4)), (blocks + 2) // 4)
    assert np.array_equal(area_average(values, (6, 8)), values)


def test_a_pixel_that_is_covered_in_part_weighs_as_much_as_that_part() -> None:
    assert area_average(np.array([[0, 90, 240]], np.uint8), (1, 2)).tolist() == [[30, 190]]
