"""Moved images against SciPy and against where a dot comes to lie; shares against counting by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.metrics.shifts import moved, shift_accuracy_by_image

pictures = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12))
pixels = st.integers(-4, 4)


@given(pictures, st.data())
@settings(deadline=None)
def test_a_moved_image_is_scipys_image_shifted_by_whole_pixels_with_zeros_coming_in(
    images: NDArray[np.uint8], data: st.DataObject
):
    by = np.array([[data.draw(pixels), data.draw(pixels)] for _ in images])
    expected = [ndimage.shift(image, step, order=0, cval=0) for image, step in zip(images, by, strict=True)]
    np.testing.assert_array_equal(moved(images, by), expected)


def test_a_move_is_down_and_right_and_none_leaves_an_image_as_it_was():
    image = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    np.testing.assert_array_equal(moved(image, np.array([[1, 2]]))[0], [[0, 0, 0, 0], [0, 0, 1, 2], [0, 0, 5, 6]])
    np.testing.assert_array_equal(moved(image, np.array([[0, 0]])), image)


def moves_of(count: int, size: tuple[int, int] = (20, 22)) -> list[NDArray[np.intp]]:
    """How far a dot in each of so many images is moved, down and right (m, 2), call by call."""
    images = np.zeros((count, *size), np.uint8)
    images[:, 9, 10] = 255
    seen: list[NDArray[np.intp]] = []

    def watch(part: NDArray[np.uint8]) -> NDArray[np.intp]:
        assert part.dtype == np.uint8
        seen.append(np.argwhere(part)[:, 1:] - (9, 10))
        return np.zeros(len(part), int)

    shift_accuracy_by_image(images, np.zeros(count, np.uint8), watch)
    return seen


def test_every_move_from_four_pixels_up_left_to_four_down_right_comes_up_about_as_often_as_any_other():
    moves = np.concatenate(moves_of(3000))
    assert len(moves) == 16 * 1000
    found, counts = np.unique(moves, axis=0, return_counts=True)
    np.testing.assert_array_equal(found, [(down, right) for down in range(-4, 5) for right in range(-4, 5)])
    np.testing.assert_allclose(counts, 16_000 / 81, rtol=0.4)  # five standard deviations


def test_images_are_moved_independently_and_in_every_run_alike():
    first, again = moves_of(1000), moves_of(1000)
    np.testing.assert_array_equal(first, again)
    assert len({move.tobytes() for move in first}) == 16
    assert len(np.unique(first[0], axis=0)) > 50


@pytest.mark.parametrize(("count", "measured"), [(1, 1), (7, 7), (1000, 1000), (1001, 1000), (2500, 1000)])
def test_a_thousand_different_images_are_measured_in_their_order_and_all_where_there_are_fewer(
    count: int, measured: int
):
    images = np.zeros((count, 9, 9), np.uint8)
    images[:, 4, 4] = np.arange(count) // 250 + 1  # a dot that no move takes out of the image
    brightest: list[NDArray[np.uint8]] = []

    def watch(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        brightest.append(part.max(axis=(1, 2)))
        return brightest[-1]

    shares = shift_accuracy_by_image(images, images[:, 4, 4], watch)
    np.testing.assert_array_equal(shares, np.ones(measured, np.float32))
    assert shares.dtype == np.float32
    assert len(brightest) == 16
    np.testing.assert_array_equal(brightest[0], np.sort(brightest[0]))
    if measured == count:
        np.testing.assert_array_equal(brightest[0], images[:, 4, 4])


def test_another_set_of_the_same_size_has_the_same_images_measured():
    numbers = np.arange(3000)
    wanted = (numbers % 7).astype(np.uint8)
    chosen = [
        shift_accuracy_by_image(np.zeros((3000, size, 9), np.uint8), wanted, lambda part: np.zeros(len(part), int))
        for size in (8, 30)
    ]
    np.testing.assert_array_equal(*chosen)
    assert 0 < chosen[0].mean() < 0.25


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 3))
@settings(deadline=None)
def test_who_always_answers_the_same_gets_the_images_of_that_class_alone(labels: list[int], answer: int):
    images = np.zeros((len(labels), 8, 8), np.uint8)
    shares = shift_accuracy_by_image(images, np.array(labels, np.uint8), lambda part: np.full(len(part), answer))
    np.testing.assert_array_equal(shares, np.equal(labels, answer))


def test_the_share_is_that_of_an_images_own_sixteen_moves():
    images = np.zeros((40, 20, 22), np.uint8)
    images[:, 9, 10] = 255
    down = np.array(moves_of(40))[:, :, 0]  # (16, 40)
    upper_half = shift_accuracy_by_image(
        images, np.ones(40, np.uint8), lambda part: (part[:, :9] > 0).any(axis=(1, 2)).astype(int)
    )
    np.testing.assert_array_equal(upper_half, (down < 0).mean(axis=0))
    assert 0 < upper_half.min() < upper_half.max() < 1
