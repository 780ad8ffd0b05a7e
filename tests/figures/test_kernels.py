"""Kernels and what they make of an image: which are drawn, in which order, on which scale."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from support.drawings import mosaics_of, titles_of
from support.synthetic import synthetic_digits

from pipeline import kernel_demo
from pipeline.figures import kernels as kernel_figures
from pipeline.metrics.edges import filter_response
from pipeline.network.kernels import LAPLACIAN, random_kernels

IMAGE = synthetic_digits(1, 0).images[0]

RESPONSE = filter_response(IMAGE, LAPLACIAN)


def draw_random(count: int, measure: float | None = 0.25) -> Figure:
    kernels = random_kernels(count, 0)
    responses = [filter_response(IMAGE, kernel) for kernel in kernels]
    return kernel_figures.draw_random(IMAGE, kernels, responses, [measure] * count)


def draw_pooling(picture: np.ndarray) -> Figure:
    return kernel_figures.draw_pooling(picture, kernel_demo.max_pool(picture), kernel_demo.busiest_patch(picture))


FIGURES: dict[str, Callable[[], Figure]] = {
    "one kernel": lambda: draw_random(1),
    "the default": lambda: draw_random(10),
    "three rows of kernels": lambda: draw_random(13, measure=None),
    "edge": lambda: kernel_figures.draw_edge(IMAGE, LAPLACIAN, RESPONSE, 0.95),
    "edge without a measure": lambda: kernel_figures.draw_edge(IMAGE, LAPLACIAN, RESPONSE, None),
    "pooling": lambda: draw_pooling(RESPONSE),
    "pooling of the largest numbers": lambda: draw_pooling(np.where(IMAGE >= 128, -1020.0, 1020.0)),
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


@pytest.mark.parametrize("count", [1, 7])
def test_each_random_kernel_stands_above_its_own_response_and_edge_measure(count: int):
    kernels = random_kernels(count, 0)
    responses = [filter_response(IMAGE, kernel) for kernel in kernels]
    measures = [None, *np.linspace(0, 1, count)[1:]]
    shown = drawn(kernel_figures.draw_random(IMAGE, kernels, responses, measures))
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
    original, kernel, result = kernel_figures.draw_edge(IMAGE, LAPLACIAN, RESPONSE, measure).axes
    assert [axes.get_title() for axes in (original, kernel, result)] == ["the image", "the kernel", title]
    for axes, expected in [(original, IMAGE), (kernel, LAPLACIAN), (result, RESPONSE)]:
        np.testing.assert_array_equal(data(axes), expected)
    assert numbers(kernel, (3, 3)).tolist() == [["0", "1", "0"], ["1", "-4", "1"], ["0", "1", "0"]]


@pytest.mark.parametrize("picture", [RESPONSE, RESPONSE[:27, :25]], ids=["28x28", "27x25"])
def test_the_pooling_figure_follows_one_patch_into_the_pooled_response(picture: np.ndarray):
    whole, before, after, small = draw_pooling(picture).axes
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


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("filters", [3, 20])  # in one row, in two
def test_kernels_before_and_after_training_share_one_symmetric_scale(filters, random):
    learnt, initial = random.normal(size=(2, filters, 3, 3))
    initial[0, 0, 0] = -9  # the largest of all lies among the kernels before training, and is negative
    panels = mosaics_of(kernel_figures.draw_kernels(learnt, initial, {}))
    headings = [panel.get_title() for panel in panels]
    assert headings == [f"learnt: the {filters} filters after training", "before training, on the same scale"]
    for panel, kernels in zip(panels, (learnt, initial), strict=True):
        assert titles_of(panel) == [str(number) for number in range(filters)]
        for kernel, drawn in zip(kernels, panel.images, strict=True):
            np.testing.assert_array_equal(drawn.get_array(), kernel)
            assert drawn.get_clim() == (-9, 9)


def test_the_demos_kernels_stand_below_each_over_its_largest_value(random):
    learnt = random.normal(size=(2, 3, 3))
    demo = {"0": -random.random((3, 3)), "Laplace": LAPLACIAN}
    _, _, panel = mosaics_of(kernel_figures.draw_kernels(learnt, learnt, demo))
    assert titles_of(panel) == list(demo)
    for drawn, kernel in zip(panel.images, demo.values(), strict=True):
        np.testing.assert_allclose(drawn.get_array(), kernel / np.abs(kernel).max())
        assert drawn.get_clim() == (-1, 1)


def test_every_kernels_edge_auroc_is_a_dot_in_its_groups_row_and_each_mean_a_line():
    groups = {"random": [0.1, 0.2, 0.6], "learnt": [0.4, 0.8], "Laplacian": [0.9]}
    (axes,) = kernel_figures.draw_edge_auroc(groups).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(groups)
    top, *_, bottom = reversed(axes.get_ylim())
    assert top < bottom  # the first group stands at the top
    means = [line for line in axes.lines if len(set(line.get_ydata())) == 2 and line.get_linestyle() == "-"]
    for row, (values, dots, mean) in enumerate(zip(groups.values(), axes.collections, means, strict=True)):
        np.testing.assert_allclose(dots.get_offsets()[:, 0], values)
        assert (np.abs(dots.get_offsets()[:, 1] - row) < 0.5).all()
        np.testing.assert_allclose(mean.get_xdata(), np.mean(values))
