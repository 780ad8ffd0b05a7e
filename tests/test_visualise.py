"""The stage on the finished clone, the names of its arrays, what it measures, and which kernels it draws."""

import numpy as np
import pandas as pd
import pytest
from support.clones import Clone
from support.drawings import mosaics_of, titles_of
from support.synthetic import synthetic_digits

from pipeline.data import files
from pipeline.figures import style
from pipeline.metrics.edges import edge_auroc
from pipeline.metrics.kernel_types import NONE, kernel_types
from pipeline.network.kernels import LAPLACIAN, as_convolution, as_pictures, random_kernels
from pipeline.visualise import (
    Network,
    by_first_name,
    draw_network,
    draw_others,
    edge_measures,
    edge_results,
    training_results,
)


def test_arrays_of_two_names_are_found_by_the_first_and_then_the_second():
    arrays = {"initial/a": np.zeros(1), "initial/b": np.ones(1), "learnt/a": np.full(1, 2)}
    found = by_first_name(arrays)
    assert {first: list(inner) for first, inner in found.items()} == {"initial": ["a", "b"], "learnt": ["a"]}
    assert found["learnt"]["a"] is arrays["learnt/a"]


def layers(kernels: np.ndarray) -> dict[str, np.ndarray]:
    """Kernels (height, width, channels, filters) as those of a convolution."""
    return {"convolution_1": kernels}


@pytest.fixture
def network() -> Network:
    """A network of one convolution whose second filter says nothing, and whose kernels doubled."""
    kernels = np.random.default_rng(0).normal(size=(3, 3, 1, 4)).astype(np.float32)
    maps = np.random.default_rng(1).random((8, 8, 4)).astype(np.float32)
    maps[..., 1] = 0
    return Network(
        layers(kernels), layers(2 * kernels), {"convolution_1": {"convolution_1": maps}}, np.eye(10, dtype=np.uint8)
    )


def test_training_is_told_by_what_it_left_silent_and_by_how_far_it_moved_the_kernels(network: Network):
    told = training_results(network, "convolution_1")
    assert told == {"dead_filters": 1, "relative_weight_change": pytest.approx(1)}


def test_edge_measures_leave_out_kernels_that_have_none():
    paper = np.zeros((2, 9, 9), np.uint8)
    assert edge_measures({"learnt": [LAPLACIAN], "none": []}, paper) == {"learnt": [], "none": []}
    measured = edge_measures({"learnt": [LAPLACIAN]}, synthetic_digits(5, 0).images)
    assert measured == {"learnt": [edge_auroc(LAPLACIAN, synthetic_digits(5, 0).images)]}
    assert edge_results({"learnt": [], "initial": []}) == dict.fromkeys(edge_results(measured | {"initial": [0.5]}))


def test_the_pictures_of_kernels_are_siblings_of_one_scale_before_and_after(network: Network, monkeypatch, tmp_path):
    drawn = {}
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.update({path.name: figure}))
    draw_network(network, 2, tmp_path)
    draw_others(random_kernels(5, 0), tmp_path)
    names = ["kernels_convolution_1", "kernels_convolution_1_before", "kernels_random", "kernels_edges"]
    scales = [{image.get_clim() for image in mosaics_of(drawn[f"{name}.png"])[0].images} for name in names]
    highest = 2 * float(np.abs(network.initial["convolution_1"]).max())
    assert scales == [{(-highest, highest)}] * 2 + [{(-1.0, 1.0)}] * 2
    assert drawn.keys() == {f"{name}.png" for name in [*names, "activations_convolution_1", "filter"]}


def test_an_arrow_points_to_the_bright_side_of_the_edge_that_its_kernel_answers_to_most(monkeypatch, tmp_path):
    drawn = {}
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.update({path.stem: figure}))
    draw_others(random_kernels(1, 0), tmp_path)
    (panel,) = mosaics_of(drawn["kernels_edges"])
    *turned, last = titles_of(panel)
    assert last == "Laplacian"
    steps = {
        "↓": (1, 0),
        "↙": (1, -1),
        "←": (0, -1),
        "↖": (-1, -1),
        "↑": (-1, 0),
        "↗": (-1, 1),
        "→": (0, 1),
        "↘": (1, 1),
    }
    assert turned == [f"{name}\n{arrow}" for name in ("Sobel", "Prewitt") for arrow in steps]
    places = np.indices((3, 3)) - 1
    for title, image in zip(turned, panel.images, strict=False):
        slope = (places * image.get_array()).sum(axis=(1, 2))
        np.testing.assert_array_equal(np.sign(np.rint(slope)), steps[title[-1]])


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
