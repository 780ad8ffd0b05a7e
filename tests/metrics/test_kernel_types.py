"""What kernels are like: textbook kernels are themselves, turning turns, chance is seldom beaten."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.metrics.kernel_types import (
    DIRECTIONS,
    INK,
    NONE,
    bank,
    by_type,
    edges_and_lines,
    kernel_types,
    least_similarity,
    matches,
    type_counts,
)

NAMES = list(bank(3))


def named(kernel: NDArray[np.floating]) -> tuple[str, str]:
    """Type and direction of one kernel."""
    (row,) = kernel_types([kernel]).to_dict("records")
    return row["type"], row["direction"]


def test_the_bank_of_size_3_has_prewitts_edges_and_all_its_kernels_but_ink_add_up_to_0():
    kernels = bank(3)
    prewitt = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_allclose(kernels["edge", "horizontal"], prewitt / np.linalg.norm(prewitt))
    for (kind, _), kernel in kernels.items():
        assert np.linalg.norm(kernel) == pytest.approx(1)
        assert kernel.sum() == pytest.approx(3 if kind == "ink" else 0, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_no_two_kernels_of_the_bank_are_the_same_but_for_their_sign(size):
    rows = np.reshape(list(bank(size).values()), (-1, size * size))
    assert (np.abs(rows @ rows.T) - np.eye(len(rows))).max() < 0.99


@pytest.mark.parametrize("size", [2, 3, 5])
@given(scale=st.floats(0.01, 100), sign=st.sampled_from([-1, 1]))
def test_a_textbook_kernel_is_like_itself_whatever_its_scale_and_its_sign_is_told(size, scale, sign):
    table = kernel_types([sign * scale * kernel for kernel in bank(size).values()])
    assert list(zip(table["type"], table["direction"], strict=True)) == list(bank(size))
    assert set(table["sign"]) == {"+" if sign > 0 else "-"}
    np.testing.assert_allclose(table["similarity"], 1)
    for match, kernel in zip(matches(table, size), bank(size).values(), strict=True):
        np.testing.assert_allclose(match, sign * kernel)


@pytest.mark.parametrize("name", [name for name in NAMES if name[0] in ("edge", "line", "line end")], ids=" ".join)
def test_a_quarter_turn_of_a_kernel_turns_its_direction_and_nothing_else(name):
    kind, direction = name
    turned = {"horizontal": "vertical", "vertical": "horizontal"}
    turned |= {"falling diagonal": "rising diagonal", "rising diagonal": "falling diagonal"}
    turned |= {one: DIRECTIONS[(number - 2) % 8] for number, one in enumerate(DIRECTIONS)}  # against the clock
    assert named(np.rot90(bank(3)[name])) == (kind, turned[direction])


@pytest.mark.parametrize("size", [2, 3, 5])
def test_one_random_kernel_of_twenty_is_called_anything(size):
    kernels = list(np.random.default_rng(1).standard_normal((4000, size, size)))
    named = (kernel_types(kernels)["type"] != NONE).mean()
    assert named == pytest.approx(0.05, abs=0.015)


def test_most_of_the_articles_random_kernels_are_like_ink_on_paper_turned_round_and_none_like_an_edge():
    table = kernel_types(list(np.random.default_rng(1).random((1000, 3, 3)) - 1))
    like = table[table["type"] != NONE]
    assert set(like["type"]) == {INK}
    assert set(like["sign"]) == {"-"}
    assert len(like) / len(table) == pytest.approx(0.78, abs=0.05)


@pytest.mark.parametrize(("count", "size"), [(32, 3), (7, 5), (1, 3), (8, 4)])
def test_edges_and_lines_are_as_many_as_asked_of_length_1_and_blind_to_flat_ink(count, size):
    kernels = edges_and_lines(count, size)
    assert np.shape(kernels) == (count, size, size)
    for kernel in kernels:
        assert np.linalg.norm(kernel) == pytest.approx(1)
        assert kernel.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [3, 5])
def test_four_edges_and_four_lines_are_those_of_the_bank(size):
    table = kernel_types(edges_and_lines(8, size))
    wanted = ["vertical", "rising diagonal", "horizontal", "falling diagonal"]
    assert list(zip(table["type"], table["direction"], strict=True)) == [
        (kind, direction) for kind in ("edge", "line") for direction in wanted
    ]
    np.testing.assert_allclose(table["similarity"], 1)


def test_edges_and_lines_are_all_different_even_where_only_the_size_of_a_response_counts():
    rows = np.reshape(edges_and_lines(32, 3), (32, 9))
    assert (np.abs(rows @ rows.T) - np.eye(32)).max() < 0.999


def test_a_kernel_of_one_number_or_of_zeros_is_like_none_and_no_kernels_are_an_empty_table():
    assert least_similarity(1) == 1
    assert named(np.ones((1, 1))) == (NONE, "")
    assert named(np.zeros((3, 3))) == (NONE, "")
    assert list(kernel_types([]).columns) == ["filter", "type", "direction", "sign", "similarity"]
    assert matches(kernel_types([np.zeros((3, 3))]), 3) == [None]


def test_kernels_stand_by_type_those_like_none_last_and_the_most_similar_first():
    table = pd.DataFrame(
        {"type": [NONE, "ink", "edge", "ink", "line end"], "similarity": [0.99, 0.8, 0.7, 0.9, 0.6], "filter": range(5)}
    )
    assert list(by_type(table)["filter"]) == [2, 4, 3, 1, 0]


def test_kernels_are_counted_by_what_they_are_like_and_not_at_all_where_there_are_none():
    flat, edge = np.ones((3, 3)), np.array([[-1.0, 0, 1]] * 3)
    learnt, initial = kernel_types([edge, -edge, flat]), kernel_types([flat, np.eye(3) - 0.9])
    told = type_counts(learnt, initial, initial, 3)
    assert (told["edge_filters"], told["ink_filters"], told["line_end_filters"]) == (2, 1, 0)
    assert told["initial_matched_filters"] == (initial["type"] != NONE).sum()
    assert told["random_ink_kernels"] == 1
    assert told["least_similarity"] == least_similarity(3)
    none = type_counts(kernel_types([]), kernel_types([]), initial, None)
    assert none == dict.fromkeys(told) | {"random_ink_kernels": 1}
