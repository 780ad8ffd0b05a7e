"""The stage on the finished clone, the names of its arrays, and what it compares with what."""

import numpy as np
import pandas as pd
import pytest
from support.clones import Clone
from support.synthetic import synthetic_digits

from pipeline.data import files
from pipeline.metrics.edges import edge_auroc
from pipeline.metrics.kernel_types import NONE, kernel_types
from pipeline.metrics.ridge import pooled_responses, ridge_answers
from pipeline.metrics.statistics import wilson_interval
from pipeline.network.kernels import as_convolution, as_pictures, random_kernels
from pipeline.visualise import RIDGE_DRAWS, RIDGE_KERNELS, by_first_name, by_type, kernels_to_try, ridge_table


def test_arrays_of_two_names_are_found_by_the_first_and_then_the_second():
    arrays = {"initial/a": np.zeros(1), "initial/b": np.ones(1), "learnt/a": np.full(1, 2)}
    found = by_first_name(arrays)
    assert {first: list(inner) for first, inner in found.items()} == {"initial": ["a", "b"], "learnt": ["a"]}
    assert found["learnt"]["a"] is arrays["learnt/a"]


@pytest.mark.parametrize(("filters", "size"), [(4, 3), (4, 5), (100, 3), (4, 1), (4, 2)])
def test_every_group_that_ridge_regression_tries_has_as_many_kernels(filters: int, size: int):
    initial, learnt = np.random.default_rng(0).standard_normal((2, filters, size, size))
    groups = kernels_to_try({"initial": list(initial), "learnt": list(learnt)}, seed=5)
    assert {name: len(draws) for name, draws in groups.items()} == {
        "pixels": 1, "raw_pixels": 1, "random": RIDGE_DRAWS, "edges": 1, "initial": 1, "learnt": 1,
    }  # fmt: skip
    counts = {len(kernels) for name, draws in groups.items() for kernels in draws if "pixels" not in name}
    assert counts == {min(filters, RIDGE_KERNELS)}
    assert {np.shape(kernels)[1:] for kernels in (*groups["random"], *groups["edges"])} == {(max(size, 3),) * 2}
    np.testing.assert_array_equal(groups["learnt"][0], learnt[:RIDGE_KERNELS])


def test_without_a_convolution_random_and_edge_kernels_are_tried_alone():
    groups = kernels_to_try({}, seed=5)
    assert list(groups) == ["pixels", "raw_pixels", "random", "edges"]
    assert np.shape(groups["edges"]) == (1, RIDGE_KERNELS, 3, 3)


def test_the_random_kernels_are_the_articles_anew_for_each_draw():
    draws = kernels_to_try({}, seed=5)["random"]
    np.testing.assert_array_equal(draws, [random_kernels(RIDGE_KERNELS, seed) for seed in (5, 6, 7)])


def test_a_group_is_told_by_the_mean_of_its_draws_with_its_interval_and_their_range():
    parts = [synthetic_digits(*made) for made in ((60, 0), (40, 1), (50, 2))]
    draws = [list(random_kernels(2, seed)) for seed in range(3)]
    table = ridge_table({"pixels": [[]], "random": draws}, parts, 10).set_index("kernels")
    shares = [
        ridge_answers(*((pooled_responses(part.images, kernels), part.labels) for part in parts), 10).mean()
        for kernels in draws
    ]
    told = table.loc["random"]
    assert tuple(told[["count", "features", "draws"]]) == (2, 72, 3)
    assert tuple(told[["accuracy", "lowest", "highest"]]) == pytest.approx((np.mean(shares), min(shares), max(shares)))
    assert tuple(told[["low", "high"]]) == pytest.approx(wilson_interval(50 * np.mean(shares), 50))
    assert tuple(table.loc["pixels", ["count", "features", "draws"]]) == (0, 49, 1)


def test_kernels_stand_by_type_those_like_none_last_and_the_most_similar_first():
    table = pd.DataFrame(
        {"type": [NONE, "ink", "edge", "ink", "line end"], "similarity": [0.99, 0.8, 0.7, 0.9, 0.6], "filter": range(5)}
    )
    assert list(by_type(table)["filter"]) == [2, 4, 3, 1, 0]


@pytest.mark.slow
def test_the_stage_measures_the_kernels_that_training_left(finished: Clone):
    metrics = files.read_json(finished.folder / "metrics/visualise.json")
    with np.load(finished.folder / "models/kernels.npz") as saved:
        initial, learnt = saved["initial/convolution_1"], saved["learnt/convolution_1"]
    images = np.load(finished.folder / "data/prepared/train_images.npy")[:20]
    measures = [edge_auroc(as_convolution(kernel), images) for kernel in as_pictures(learnt)]
    assert metrics["learnt_edge_auroc"] == pytest.approx(np.mean(measures))
    assert metrics["learnt_edge_auroc_highest"] == max(measures)
    change = np.linalg.norm(learnt - initial) / np.linalg.norm(initial)
    assert metrics["relative_weight_change"] == pytest.approx(change)
    assert 0 < metrics["learnt_mean_absolute_correlation"] < 1
    types = pd.read_csv(finished.folder / "metrics/kernel_types.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(types, kernel_types(as_pictures(learnt)), check_dtype=False)
    assert metrics["initial_matched_filters"] == (kernel_types(as_pictures(initial))["type"] != NONE).sum()
    ridge = pd.read_csv(finished.folder / "metrics/ridge.csv").set_index("kernels")
    assert {f"ridge_accuracy_{name}": share for name, share in ridge["accuracy"].items()}.items() <= metrics.items()
