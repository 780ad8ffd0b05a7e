from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from support.clones import Clone
from support.synthetic import synthetic_digits

from pipeline import kernel_demo
from pipeline.metrics.edges import response
from pipeline.network.kernels import LAPLACIAN, random_kernels

IMAGE = synthetic_digits(1, 0).images[0]
RESPONSE = response(IMAGE, LAPLACIAN)
whole_numbers = st.integers(-100, 100)


def draw_random(count: int, measure: float | None = 0.25) -> Figure:
    kernels = random_kernels(count, 0)
    responses = [response(IMAGE, kernel) for kernel in kernels]
    return kernel_demo.draw_random(IMAGE, kernels, responses, [measure] * count)


FIGURES: dict[str, Callable[[], Figure]] = {
    "one kernel": lambda: draw_random(1),
    "the default": lambda: draw_random(10),
    "three rows of kernels": lambda: draw_random(13, measure=None),
    "edge": lambda: kernel_demo.draw_edge(IMAGE, RESPONSE, 0.95),
    "edge without a measure": lambda: kernel_demo.draw_edge(IMAGE, RESPONSE, None),
    "pooling": lambda: kernel_demo.draw_pooling(RESPONSE),
    "pooling of the largest numbers": lambda: kernel_demo.draw_pooling(np.where(IMAGE >= 128, -1020.0, 1020.0)),
}


def drawn(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.images]


def data(axes: Axes) -> np.ndarray:
    (image,) = axes.images
    return np.asarray(image.get_array())


def numbers(axes: Axes, shape: tuple[int, ...]) -> np.ndarray:
    """The texts written on the cells of an image, one a cell."""
    found = np.full(shape, "", dtype=object)
    for text in axes.texts:
        column, row = text.get_position()
        found[row, column] += text.get_text()
    return found


def luminance(colours: np.ndarray) -> np.ndarray:
    """Relative luminance of RGB colours (..., 3), WCAG 2.2."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


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


@pytest.mark.parametrize("count", [1, 7])
def test_each_random_kernel_stands_above_its_own_response_and_edge_measure(count: int):
    kernels = random_kernels(count, 0)
    responses = [response(IMAGE, kernel) for kernel in kernels]
    measures = [None, *np.linspace(0, 1, count)[1:]]
    shown = drawn(kernel_demo.draw_random(IMAGE, kernels, responses, measures))
    places = {axes.get_title(): axes for axes in shown if axes.get_title().startswith("kernel")}
    below = {(*axes.get_subplotspec().rowspan, *axes.get_subplotspec().colspan): axes for axes in shown}
    assert len(shown) == 1 + 2 * count
    np.testing.assert_array_equal(data(next(axes for axes in shown if axes.get_title() == "the image")), IMAGE)
    for number in range(count):
        above = places[f"kernel {number}"]
        np.testing.assert_array_equal(data(above), kernels[number])
        assert above.images[0].get_clim() == (-1, 0)
        place = above.get_subplotspec()
        under = below[place.rowspan.start + 1, place.colspan.start]
        np.testing.assert_array_equal(data(under), responses[number])
        assert under.get_title() == (f"edge AUROC {measures[number]:.2f}" if number else "response")


@pytest.mark.parametrize(("measure", "title"), [(0.954, "its response, edge AUROC 0.95"), (None, "its response")])
def test_the_edge_figure_shows_image_kernel_with_its_numbers_and_response(measure: float | None, title: str):
    original, kernel, result = kernel_demo.draw_edge(IMAGE, RESPONSE, measure).axes
    assert [axes.get_title() for axes in (original, kernel, result)] == ["the image", "the kernel", title]
    for axes, expected in [(original, IMAGE), (kernel, LAPLACIAN), (result, RESPONSE)]:
        np.testing.assert_array_equal(data(axes), expected)
    assert numbers(kernel, (3, 3)).tolist() == [["0", "1", "0"], ["1", "-4", "1"], ["0", "1", "0"]]


@pytest.mark.parametrize("picture", [RESPONSE, RESPONSE[:27, :25]], ids=["28x28", "27x25"])
def test_the_pooling_figure_follows_one_patch_into_the_pooled_response(picture: np.ndarray):
    whole, before, after, small = kernel_demo.draw_pooling(picture).axes
    row, column = kernel_demo.busiest_patch(picture)
    patch, pooled = picture[row : row + 4, column : column + 4], kernel_demo.max_pool(picture)
    kept = pooled[row // 2 : row // 2 + 2, column // 2 : column // 2 + 2]
    for axes, expected in [(whole, picture), (before, patch), (after, kept), (small, pooled)]:
        np.testing.assert_array_equal(data(axes), expected)
        assert axes.images[0].get_clim() == (picture.min(), picture.max())
    assert numbers(before, (4, 4)).tolist() == [[f"{value:.0f}" for value in line] for line in patch]
    assert numbers(after, (2, 2)).tolist() == [[f"{value:.0f}" for value in line] for line in kept]
    assert "{}x{}".format(*picture.shape) in whole.get_title()
    assert "{}x{}".format(*pooled.shape) in small.get_title()
    assert [mark.get_bbox().bounds for mark in whole.patches] == [(column - 0.5, row - 0.5, 4, 4)]
    assert [mark.get_bbox().bounds for mark in small.patches] == [(column / 2 - 0.5, row / 2 - 0.5, 2, 2)]
    assert len({mark.get_bbox().bounds for mark in before.patches}) == 4


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_no_text_is_cut_off_or_covers_another(draw: Callable[[], Figure]):
    figure = draw()
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    extents = {text: text.get_window_extent() for text in texts}
    for text, extent in extents.items():
        assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= extent.y0 < extent.y1 <= figure.bbox.y1, text
    for one, other in combinations(texts, 2):
        assert not extents[one].overlaps(extents[other]), (one, other)


@pytest.mark.parametrize("name", ["edge", "pooling", "pooling of the largest numbers"])
def test_every_number_stands_out_from_its_cell(name: str):
    texts = [(axes, text) for axes in FIGURES[name]().axes for text in axes.texts]
    assert texts
    for axes, text in texts:
        column, row = text.get_position()
        cell = axes.images[0].to_rgba(data(axes))[row, column, :3]
        ink = {"black": np.zeros(3), "white": np.ones(3)}[text.get_color()]
        darker, lighter = sorted(luminance(np.stack([cell, ink])))
        assert (lighter + 0.05) / (darker + 0.05) > 3, text


@pytest.mark.slow
def test_an_image_that_is_not_there_is_refused_in_one_line(clone: Clone):
    prepared = clone.folder / "data/prepared"
    prepared.mkdir(parents=True)
    digits = synthetic_digits(30, 0)
    np.save(prepared / "train_images.npy", digits.images)
    np.save(prepared / "train_labels.npy", digits.labels)
    clone.set(kernel_demo__image=30)
    result = clone.run("python", "-m", "pipeline.kernel_demo", check=False)
    assert result.returncode == 1
    assert result.stderr == "params.yaml: kernel_demo.image: found 30; allowed are 0 to 29\n"
