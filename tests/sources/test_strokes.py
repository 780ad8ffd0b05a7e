"""Strokes of a pen and an eraser, against distances computed point by point."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.strokes import Stroke, canvas_size, drawn, ink_of, path

SIZE = (40, 50)
POINTS = st.lists(st.tuples(st.floats(-10, 60), st.floats(-10, 50)), min_size=1, max_size=6)
RADII = st.floats(0.5, 9)


@pytest.mark.parametrize(
    ("size", "canvas"),
    [((28, 28), (280, 280)), ((12, 10), (276, 230)), ((128, 8), (256, 16)), ((300, 20), (300, 20))],
)
def test_a_canvas_is_a_whole_number_of_pixels_a_cell_and_at_most_280_unless_the_image_is_larger(
    size: tuple[int, int], canvas: tuple[int, int]
) -> None:
    assert canvas_size(size) == canvas


def test_a_point_leaves_a_disc_and_a_grey_edge_one_pixel_wide() -> None:
    ink = ink_of(Stroke([(20.5, 10.5)], 4), SIZE)
    assert ink[10, 20] == ink[10, 23] == 255
    assert ink[10, 24] == 128  # its centre lies on the edge
    assert not ink[:, 26:].any()


@given(points=POINTS, radius=RADII)
@settings(deadline=None, max_examples=30)
def test_ink_falls_off_with_the_distance_to_the_nearest_point_of_the_path(
    points: list[tuple[float, float]], radius: float
) -> None:
    ink = ink_of(Stroke(points, radius), SIZE)
    corners = path(points)
    ends = corners[1:] if len(corners) > 1 else corners
    dense = np.concatenate([a + np.linspace(0, 1, 400)[:, None] * (b - a) for a, b in zip(corners, ends, strict=False)])
    for row, column in ((5, 5), (20, 25), (39, 49), (10, 40)):
        distance = np.hypot(dense[:, 0] - column - 0.5, dense[:, 1] - row - 0.5).min()
        # the points of the oracle lie up to a quarter of a pixel apart
        assert abs(ink[row, column] / 255 - np.clip(radius + 0.5 - distance, 0, 1)) < 0.15


def test_two_points_are_joined_by_a_straight_line_and_three_by_a_curve_that_misses_the_middle_one() -> None:
    assert path([(0, 0), (4, 8)]).tolist() == [[0, 0], [4, 8]]
    assert path([(0, 0), (4, 8), (8, 0)]).tolist() == [[0, 0], [2, 3], [4, 4], [6, 3], [8, 0]]


def test_a_curve_through_many_points_passes_halfway_between_neighbours_and_ends_at_the_last() -> None:
    corners = path([(0, 0), (2, 4), (6, 4), (8, 0)]).tolist()
    assert len(corners) == 1 + 2 * 4
    assert corners[4] == [4, 4]
    assert corners[-1] == [8, 0]


@given(points=POINTS, radius=RADII)
@settings(deadline=None, max_examples=30)
def test_the_eraser_on_the_pens_own_path_leaves_no_full_ink_and_a_wider_one_leaves_none(
    points: list[tuple[float, float]], radius: float
) -> None:
    pen = Stroke(points, radius)
    ink = ink_of(pen, SIZE)
    left = drawn([pen, Stroke(points, radius, erase=True)], SIZE)
    assert not left[ink == 255].any()
    assert left.max() <= 128
    assert not drawn([pen, Stroke(points, radius + 1, erase=True)], SIZE).any()


def test_strokes_apply_in_their_order_and_ink_does_not_add_up() -> None:
    pen, eraser = Stroke([(10, 10), (30, 30)], 3), Stroke([(10, 30), (30, 10)], 3, erase=True)
    assert np.array_equal(drawn([pen, pen], SIZE), drawn([pen], SIZE))
    assert np.array_equal(drawn([eraser, pen], SIZE), drawn([pen], SIZE))
    assert drawn([pen, eraser], SIZE)[20, 20] == 0


def test_a_stroke_outside_the_canvas_leaves_nothing_and_no_stroke_an_empty_canvas() -> None:
    assert not drawn([Stroke([(-50, -50), (-20, math.pi)], 5)], SIZE).any()
    assert not drawn([], SIZE).any()
