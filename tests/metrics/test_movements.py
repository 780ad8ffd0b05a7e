"""Moved, turned, smaller and leaning images against NumPy's own turns and cuts, and against numbers that are stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from support.synthetic import bars

from pipeline.metrics import movements
from pipeline.metrics.corruptions import corrupted
from pipeline.metrics.movements import rotated, shifted

pictures = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12))


@given(pictures, st.integers(-15, 15), st.integers(-15, 15))
@settings(deadline=None)
def test_a_shift_there_and_back_restores_what_stayed_inside_and_leaves_black_elsewhere(
    images: NDArray[np.uint8], down: int, right: int
):
    height, width = images.shape[1:]
    rows = slice(max(-down, 0), max(height - max(down, 0), 0))
    columns = slice(max(-right, 0), max(width - max(right, 0), 0))
    inside = np.zeros_like(images)
    inside[:, rows, columns] = images[:, rows, columns]
    np.testing.assert_array_equal(shifted(shifted(images, down, right), -down, -right), inside)


def test_a_shift_goes_down_and_right():
    image = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    np.testing.assert_array_equal(shifted(image, 1, 2)[0], [[0, 0, 0, 0], [0, 0, 1, 2], [0, 0, 5, 6]])


@pytest.mark.parametrize("quarters", [-1, 1, 2, 3, 4])
def test_a_turn_by_quarters_is_numpys(quarters: int):
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 9)).astype(np.float32)
    turned = np.rot90(images, quarters, axes=(1, 2))
    np.testing.assert_allclose(rotated(images, 90 * quarters), turned, atol=1e-3)


@pytest.mark.parametrize("size", [(28, 28), (20, 12), (56, 60)])
def test_translate_moves_a_dot_diagonally_in_all_four_directions_by_its_pixels_of_28(size: tuple[int, int]):
    height, width = size
    images = np.zeros((80, *size), np.uint8)
    images[:, height // 2, width // 2] = np.arange(80) + 100  # so that each image draws its own direction
    moves = np.argwhere(corrupted(images, "translate", 2, seed=0))[:, 1:] - (height // 2, width // 2)
    far = -(-2 * min(size) // 28)
    expected = [(-far, -far), (-far, far), (far, -far), (far, far)]
    np.testing.assert_array_equal(np.unique(moves, axis=0), expected)


def test_rotate_turns_some_images_one_way_and_some_the_other():
    images = bars(40)
    floats = images.astype(np.float32)
    ways = [np.rint(rotated(floats, way * np.rad2deg(0.6))) for way in (-1, 1)]
    changed = corrupted(images, "rotate", 3, seed=0)
    turned = np.array([(changed == way).all(axis=(1, 2)) for way in ways])
    np.testing.assert_array_equal(turned.sum(axis=0), np.ones(40))
    assert 0 < turned[0].sum() < 40


def test_scale_halves_the_sides_of_a_square_about_the_middle():
    images = np.zeros((1, 32, 32), np.uint8)
    images[:, 8:24, 8:24] = 200
    expected = np.zeros((32, 32), np.uint8)
    expected[12:20, 12:20] = 200
    np.testing.assert_array_equal(corrupted(images, "scale", 5, seed=0)[0], expected)


def test_shear_leaves_the_middle_row_and_moves_the_others_aside_by_the_sine_of_where_they_come_from():
    images = np.zeros((40, 29, 29), np.uint8)
    images[:, :, 14] = np.arange(40)[:, None] + 100  # an upright line, so that each image draws its own direction
    changed = corrupted(images, "shear", 3, seed=0)
    np.testing.assert_array_equal(changed[:, 14], images[:, 14])
    middles = (changed * np.arange(29.0)).sum(axis=2) / changed.sum(axis=2)
    for row in (6, 22):
        moved = np.sin(0.6) * abs(row - 14)
        assert {round(abs(middle - 14), 1) for middle in middles[:, row]} == {round(moved, 1)}
    leanings = np.sign(middles[:, 22] - middles[:, 6])
    assert 0 < (leanings > 0).sum() < 40


def test_shear_draws_what_stands_upright_out_by_one_over_the_cosine():
    images = np.zeros((1, 101, 101), np.float32)
    images[:, 31:70, 50] = 255
    leant = movements.shear(images, 0.8, iter([np.random.default_rng(0)]))
    rows = np.flatnonzero(leant[0].max(axis=1) > 100)
    assert len(rows) == pytest.approx(39 / np.cos(0.8), abs=1.5)
