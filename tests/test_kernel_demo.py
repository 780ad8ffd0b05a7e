"""Max pooling, the patch that is shown, and the stage."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from support.clones import Clone
from support.synthetic import synthetic_digits

from pipeline import kernel_demo
from pipeline.metrics.edges import edge_auroc

whole_numbers = st.integers(-100, 100)


@given(arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=whole_numbers), st.integers(1, 3))
@settings(deadline=None)
def test_pooling_keeps_the_largest_of_each_whole_window_and_drops_the_rest(image: np.ndarray, size: int):
    expected = np.empty((image.shape[0] // size, image.shape[1] // size))
    for row, column in np.ndindex(expected.shape):
        expected[row, column] = max(
            image[row * size + down, column * size + right] for down in range(size) for right in range(size)
        )
    np.testing.assert_array_equal(kernel_demo.max_pool(image, size), expected)


@given(
    arrays(np.int64, array_shapes(min_dims=2, max_dims=2, min_side=4, max_side=8), elements=whole_numbers),
)
@settings(deadline=None)
def test_no_patch_on_the_pooling_grid_varies_more_than_the_chosen_one(image: np.ndarray):
    row, column = kernel_demo.busiest_patch(image)
    assert row % 2 == column % 2 == 0
    patches = np.lib.stride_tricks.sliding_window_view(image, (4, 4))
    assert patches[row, column].std() == pytest.approx(patches[::2, ::2].std(axis=(2, 3)).max())


@pytest.fixture
def images(clone: Clone) -> np.ndarray:
    """The 30 training images that the stage finds."""
    prepared = clone.folder / "data/prepared"
    prepared.mkdir(parents=True)
    digits = synthetic_digits(30, 0)
    np.save(prepared / "train_images.npy", digits.images)
    np.save(prepared / "train_labels.npy", digits.labels)
    return digits.images


@pytest.mark.slow
@pytest.mark.parametrize(("low", "high"), [(-1.0, 0.0), (-1.0, 1.0)])
def test_the_stage_measures_random_kernels_of_the_range_that_is_set(
    clone: Clone, images: np.ndarray, low: float, high: float
):
    clone.set(kernel_demo__low=low, kernel_demo__high=high)
    clone.run("python", "-m", "pipeline.kernel_demo")
    table = pd.read_csv(clone.folder / "metrics/kernels.csv").set_index("kernel")["edge_auroc"]
    drawn = np.random.default_rng(0).uniform(low, high, (10, 3, 3))
    expected = [edge_auroc(kernel, images[:20]) for kernel in drawn]
    np.testing.assert_allclose(table.drop("Laplacian"), expected)
    assert (table.drop("Laplacian").max() > 0.5) == (low < 0 < high)


@pytest.mark.slow
@pytest.mark.usefixtures("images")
def test_an_image_that_is_not_there_is_refused_in_one_line(clone: Clone):
    clone.set(kernel_demo__image=30)
    result = clone.run("python", "-m", "pipeline.kernel_demo", check=False)
    assert result.returncode == 1
    assert result.stderr == "params.yaml: kernel_demo.image: found 30; allowed are 0 to 29\n"
