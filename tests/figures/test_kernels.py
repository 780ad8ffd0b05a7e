"""Kernels and what they make of an image: which are drawn, in which order, on which scale."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
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
from pipeline.network.ranged import ranged_kernels

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
    "edge kernels": lambda: kernel_figures.draw_kernels([LAPLACIAN] * 17, ["Prewitt\n↓"] * 17, "edges", 4),
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


def test_random_kernels_of_another_range_are_drawn_from_black_to_white_over_it():
    kernels = ranged_kernels(2, 0, -1, 3)
    shown = drawn(kernel_figures.draw_random(IMAGE, kernels, [RESPONSE] * 2, [None] * 2, (-1, 3)))
    assert [axes.images[0].get_clim() for axes in shown if axes.get_title().startswith("kernel")] == [(-1, 3)] * 2


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


@pytest.mark.parametrize("filters", [3, 20])  # in one row, in three
def test_every_kernel_stands_under_its_title_on_the_scale_that_was_asked_for(filters, random):
    kernels, titles = random.normal(size=(filters, 3, 3)), [f"no {number}" for number in range(filters)]
    (panel,) = mosaics_of(kernel_figures.draw_kernels(kernels, titles, "heading", 9))
    assert titles_of(panel) == titles
    for kernel, drawn in zip(kernels, panel.images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), kernel)
        assert drawn.get_clim() == (-9, 9)


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


TYPES = pd.DataFrame(
    {
        "filter": [3, 0, 2, 1],
        "type": ["edge", "edge", "ink", "none of these"],
        "direction": ["vertical", "falling diagonal", "", ""],
        "similarity": [0.951, 0.9, 0.87, 0.5],
    }
)


def test_each_kernel_stands_left_of_its_match_under_its_number_cosine_and_direction(random):
    kernels, twins = random.normal(size=(2, 4, 3, 3))
    (axes,) = kernel_figures.draw_types(list(kernels), [*twins[:3], None], TYPES).axes
    drawn = [kernels[0], twins[0], kernels[1], twins[1], kernels[2], twins[2], kernels[3]]
    places = [image.get_extent() for image in axes.images]
    for image, kernel in zip(axes.images, drawn, strict=True):
        np.testing.assert_array_equal(image.get_array(), kernel)
        assert image.get_clim() == (-np.abs(kernel).max(), np.abs(kernel).max())
    for kernel, twin in (places[:2], places[2:4], places[4:6]):
        assert kernel[1] < twin[0] < kernel[1] + 0.1
        assert kernel[2:] == twin[2:]
    words = [text.get_text() for text in axes.texts]
    headings = ["edge: 2", "ink: 1", "none of these: 1"]
    titles = ["3: 0.95", "vertical", "0: 0.90", "falling diagonal", "2: 0.87", "1: 0.50"]
    assert sorted(words) == sorted([*headings, *titles])


def test_the_kernels_of_a_type_stand_together_under_its_heading(random):
    kernels = list(random.normal(size=(4, 3, 3)))
    (axes,) = kernel_figures.draw_types(kernels, [*kernels[:3], None], TYPES).axes
    headings = {text.get_text(): text.get_position()[1] for text in axes.texts if text.get_weight() == "bold"}
    first, second, third = headings.values()
    tops = [image.get_extent()[3] for image in axes.images]
    assert list(headings) == ["edge: 2", "ink: 1", "none of these: 1"]
    assert all(first < top < second for top in tops[:4])
    assert all(second < top < third for top in tops[4:6])
    assert third < tops[6]


def test_every_groups_accuracy_is_a_dot_on_its_interval_with_its_percentage():
    table = pd.DataFrame(
        {"words": ["pixels", "learnt"], "accuracy": [0.7, 0.953], "low": [0.65, 0.94], "high": [0.75, 0.96]}
    )
    (axes,) = kernel_figures.draw_ridge(table).axes
    (dots,), (intervals,) = axes.lines, axes.collections
    np.testing.assert_allclose(dots.get_xydata(), [(0.7, 0), (0.953, 1)])
    np.testing.assert_allclose(intervals.get_segments(), [[(0.65, 0), (0.75, 0)], [(0.94, 1), (0.96, 1)]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pixels", "learnt"]
    assert [text.get_text().strip() for text in axes.texts] == ["70.0 %", "95.3 %"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first group stands at the top


def test_a_phone_of_390_pixels_shows_letters_of_nine(random):
    table = pd.DataFrame({"words": ["pixels"], "accuracy": [0.7], "low": [0.65], "high": [0.75]})
    kernels = list(random.normal(size=(4, 3, 3)))
    numbered = kernel_figures.draw_kernels(kernels, [*"0123"], "heading", 1)
    for figure in (kernel_figures.draw_types(kernels, [None] * 4, TYPES), kernel_figures.draw_ridge(table), numbered):
        smallest = min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text())
        assert smallest / 72 / figure.get_figwidth() * 390 >= 9
