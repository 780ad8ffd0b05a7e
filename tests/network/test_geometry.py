"""Which layers fit images of which size."""

import re
from typing import Any

import pytest
from support.clones import SETTINGS

from pipeline.network.geometry import pool_positions, shape_check


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"kernel_size": 29}, "model.kernel_size: found 29; .* 28x28 .*smaller than the kernel"),
        ({"filters": (4, 4), "kernel_size": 15}, "model.kernel_size: found 15; before convolution 2 .* 14x14 .*"),
        ({"pool_size": 27}, "model.pool_size: found 27; after convolution 1 .* 26x26 .*smaller than the window"),
        ({"filters": (4,) * 3, "pool_after": (1, 2, 3), "pool_size": 4}, "model.kernel_size: .* convolution 3 .*"),
    ],
)
def test_layers_that_do_not_fit_the_images_are_told_by_the_setting(changes: dict[str, Any], line: str):
    problem = shape_check(SETTINGS.model.model_copy(update=changes), 28, 28)
    assert problem is not None
    assert re.fullmatch(line, problem)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kernel_size": 28, "pool_size": 1},
        {"padding": "same", "kernel_size": 99},
        {"filters": (), "kernel_size": 99, "pool_size": 99},
    ],
)
def test_layers_that_fit_are_told_nothing(changes: dict[str, Any]):
    assert shape_check(SETTINGS.model.model_copy(update=changes), 28, 28) is None


@pytest.mark.parametrize(
    ("filters", "pool_after", "positions"),
    [((4,), None, (1,)), ((4, 4, 4), None, (3,)), ((4, 4, 4), (1, 2), (1, 2)), ((), None, ())],
)
def test_a_pooling_follows_the_named_convolutions_or_the_last_and_none_where_there_is_none(
    filters: tuple[int, ...], pool_after: tuple[int, ...] | None, positions: tuple[int, ...]
):
    assert pool_positions(SETTINGS.model.model_copy(update={"filters": filters, "pool_after": pool_after})) == positions
