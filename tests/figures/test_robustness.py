"""What the figures of changed images show: every curve, every shift, every answer, in its place."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.figures import robustness, style

CORRUPTIONS = ["rotate", "gaussian_blur", "occlusion"]
NAMES = ["ant", "bee", "cat"]


def table(count: int) -> pd.DataFrame:
    """A table of as many corruptions, no two numbers of which are equal."""
    names = [f"kind_{number}" for number in range(count)][::-1]
    places = pd.MultiIndex.from_product([names, range(6)], names=["corruption", "strength"])
    accuracy = np.linspace(0.9, 0.2, len(places))
    columns = {"accuracy": accuracy, "accuracy_low": accuracy - 0.05, "accuracy_high": accuracy + 0.04}
    return pd.DataFrame(columns | {"confidence": 1 - accuracy / 3}, index=places).reset_index()


def means(given: pd.DataFrame) -> pd.DataFrame:
    """The mean over all corruptions of a table, by strength."""
    return given.drop(columns="corruption").groupby("strength", as_index=False).mean()


def assert_band(axes: Axes, curve: pd.DataFrame) -> None:
    """Fail where a panel's one band is not the interval of its curve."""
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    for strength, low, high in curve[["strength", "accuracy_low", "accuracy_high"]].to_numpy():
        heights = corners[corners[:, 0] == strength][:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((low, high))


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 13])
def test_each_corruption_has_a_panel_of_its_own_in_the_order_of_the_table_after_the_mean(count: int):
    given = table(count)
    figure = robustness.draw_curves(given, means(given))
    first, *panels = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in panels] == [f"kind {number}" for number in range(count)][::-1]
    for axes, (_, curve) in zip(panels, given.groupby("corruption", sort=False), strict=True):
        accuracy, confidence = axes.lines
        np.testing.assert_array_equal(accuracy.get_xydata(), curve[["strength", "accuracy"]])
        np.testing.assert_array_equal(confidence.get_xydata(), curve[["strength", "confidence"]])
        assert_band(axes, curve)
    expected = means(given)
    np.testing.assert_allclose([line.get_ydata() for line in first.lines], expected[["accuracy", "confidence"]].T)
    assert_band(first, expected)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["accuracy", "mean confidence"]


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_every_column_of_panels_ends_with_the_strengths(count: int):
    figure = robustness.draw_curves(table(count), means(table(count)))
    style.encode(figure, "png")  # lays it out
    lowest = {round(axes.get_position().x0, 2): axes for axes in figure.axes if axes.lines}
    for axes in lowest.values():
        assert [label.get_text() for label in axes.get_xticklabels() if label.get_visible()] == [*"012345"]


def test_no_title_of_the_curves_lies_on_another_or_on_the_legend():
    figure = robustness.draw_curves(table(7), means(table(7)))
    style.encode(figure, "png")  # lays it out
    (legend,) = figure.legends
    texts = [*legend.get_texts(), legend.get_title(), *(axes.title for axes in figure.axes if axes.lines)]
    boxes = [text.get_window_extent() for text in texts]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_the_map_writes_every_shift_in_its_place_and_frames_the_middle():
    accuracies = np.arange(25).reshape(5, 5) / 25
    (axes,) = robustness.draw_shifts(accuracies).axes
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(column, row): f"{100 * value:.0f}" for (row, column), value in np.ndenumerate(accuracies)}
    np.testing.assert_allclose(axes.images[0].get_array(), 100 * accuracies)
    (frame,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (1.5, 1.5, 1, 1)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["−2", "−1", "0", "+1", "+2"]  # noqa: RUF001


def samples(size: tuple[int, int]) -> tuple[Figure, np.ndarray, np.ndarray]:
    """A sheet of an image of this size, with its images and the answers to them."""
    random = np.random.default_rng(0)
    versions, predicted = random.integers(0, 256, (3, 6, *size)), random.integers(0, 3, (3, 6))
    figure = robustness.draw_samples(
        versions.astype(np.uint8), CORRUPTIONS, predicted.astype(np.uint8), label=1, names=NAMES
    )
    return figure, versions, predicted


@pytest.mark.parametrize("size", [(28, 28), (20, 12), (6, 20)])
def test_the_sheet_shows_each_version_over_the_answer_to_it_and_wrong_ones_in_colour(size: tuple[int, int]):
    figure, versions, predicted = samples(size)
    (axes,) = figure.axes
    answers = [text for text in axes.texts if text.get_text() in NAMES]
    cells = zip(axes.images, axes.patches, answers, strict=True)
    for (image, frame, answer), (place, given) in zip(cells, np.ndenumerate(predicted), strict=True):
        np.testing.assert_array_equal(image.get_array(), versions[place])
        assert image.get_clim() == (0, 255)
        left, right, bottom, top = image.get_extent()
        assert (bottom - top) / (right - left) == pytest.approx(size[0] / size[1])
        assert left < answer.get_position()[0] < right
        assert bottom < answer.get_position()[1] < bottom + 0.1
        assert answer.get_text() == NAMES[given]
        colours = [to_hex(frame.get_edgecolor()).upper(), to_hex(answer.get_color()).upper()]
        assert colours == ([style.GREY, "#000000"] if given == 1 else [style.ORANGE, style.ORANGE])


@pytest.mark.parametrize("size", [(28, 28), (20, 12), (6, 20)])
def test_no_text_of_the_sheet_runs_into_another_or_out_of_the_figure(size: tuple[int, int]):
    figure, _, _ = samples(size)
    style.encode(figure, "png")  # lays it out
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:number])
