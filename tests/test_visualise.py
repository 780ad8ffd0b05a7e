"""The stage on the finished clone, and the names of its arrays."""

import numpy as np
import pytest
from support.clones import Clone

from pipeline.data import files
from pipeline.metrics.edges import edge_auroc
from pipeline.network.kernels import as_convolution, as_pictures
from pipeline.visualise import by_first_name


def test_arrays_of_two_names_are_found_by_the_first_and_then_the_second():
    arrays = {"initial/a": np.zeros(1), "initial/b": np.ones(1), "learnt/a": np.full(1, 2)}
    found = by_first_name(arrays)
    assert {first: list(inner) for first, inner in found.items()} == {"initial": ["a", "b"], "learnt": ["a"]}
    assert found["learnt"]["a"] is arrays["learnt/a"]


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
