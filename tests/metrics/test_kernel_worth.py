"""What groups of kernels are worth: which are tried, as many of each, and what is told of them."""

import numpy as np
import pytest
from support.synthetic import synthetic_digits

from pipeline.metrics.kernel_worth import DRAWS, KERNELS, kernels_to_try, ridge_table
from pipeline.metrics.ridge import pooled_responses, ridge_answers
from pipeline.metrics.statistics import wilson_interval
from pipeline.network.kernels import random_kernels


@pytest.mark.parametrize(("filters", "size"), [(4, 3), (4, 5), (100, 3), (4, 1), (4, 2)])
def test_every_group_that_ridge_regression_tries_has_as_many_kernels(filters: int, size: int):
    initial, learnt = np.random.default_rng(0).standard_normal((2, filters, size, size))
    groups = kernels_to_try({"initial": list(initial), "learnt": list(learnt)}, seed=5)
    assert {name: len(draws) for name, draws in groups.items()} == {
        "pixels": 1, "raw_pixels": 1, "random": DRAWS, "edges": 1, "initial": 1, "learnt": 1,
    }  # fmt: skip
    counts = {len(kernels) for name, draws in groups.items() for kernels in draws if "pixels" not in name}
    assert counts == {min(filters, KERNELS)}
    assert {np.shape(kernels)[1:] for kernels in (*groups["random"], *groups["edges"])} == {(max(size, 3),) * 2}
    np.testing.assert_array_equal(groups["learnt"][0], learnt[:KERNELS])


def test_without_a_convolution_random_and_edge_kernels_are_tried_alone():
    groups = kernels_to_try({}, seed=5)
    assert list(groups) == ["pixels", "raw_pixels", "random", "edges"]
    assert np.shape(groups["edges"]) == (1, KERNELS, 3, 3)


def test_the_random_kernels_are_the_articles_anew_for_each_draw():
    draws = kernels_to_try({}, seed=5)["random"]
    np.testing.assert_array_equal(draws, [random_kernels(KERNELS, seed) for seed in (5, 6, 7)])


def test_a_group_is_told_by_the_mean_of_its_draws_with_its_interval_and_their_range():
    made = [synthetic_digits(*made) for made in ((60, 0), (40, 1), (50, 2))]
    parts = [(part.images, part.labels) for part in made]
    draws = [list(random_kernels(2, seed)) for seed in range(3)]
    table = ridge_table({"pixels": [[]], "random": draws}, parts, 10).set_index("kernels")
    shares = [
        ridge_answers(*((pooled_responses(images, kernels), labels) for images, labels in parts), 10).mean()
        for kernels in draws
    ]
    told = table.loc["random"]
    assert tuple(told[["count", "features", "draws"]]) == (2, 72, 3)
    assert tuple(told[["accuracy", "lowest", "highest"]]) == pytest.approx((np.mean(shares), min(shares), max(shares)))
    assert tuple(told[["low", "high"]]) == pytest.approx(wilson_interval(50 * np.mean(shares), 50))
    assert tuple(table.loc["pixels", ["count", "features", "draws"]]) == (0, 49, 1)
