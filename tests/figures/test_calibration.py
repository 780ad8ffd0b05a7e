"""The reliability diagram's points, intervals and bars; the risk-coverage curve and the choice marked on it."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from pipeline.figures import calibration, style
from pipeline.metrics.calibration import area_under_risk_coverage, reliability, risk_coverage, selective_accuracy


def answers(count: int, exponent: float, lowest: float = 0.3) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidences of an overconfident network, the more so the higher the exponent, and whether it is right."""
    random = np.random.default_rng(0)
    confidences = random.uniform(lowest, 1, count)
    return confidences, random.random(count) < confidences**exponent


def diagram(count: int = 400) -> Figure:
    return calibration.draw_reliability(
        {"as trained": reliability(*answers(count, 3)), "after": reliability(*answers(count, 1))}
    )


def risk(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> Figure:
    curve, area = risk_coverage(confidences, right), area_under_risk_coverage(confidences, right)
    return calibration.draw_risk_coverage(curve, area, selective_accuracy(confidences, right))


def words(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]


def test_a_bin_with_images_is_a_point_with_its_interval_and_an_empty_one_is_none():
    tables = [reliability(*answers(400, exponent)) for exponent in (3, 1)]
    axes, _ = calibration.draw_reliability({"as trained": tables[0], "after": tables[1]}).axes
    equal, *series = axes.lines
    np.testing.assert_array_equal(*equal.get_data())
    intervals = [drawn for drawn in axes.collections if isinstance(drawn, LineCollection)]
    for table, points, interval in zip(tables, series, intervals, strict=True):
        filled = table["count"] > 0
        assert 0 < filled.sum() < len(filled)
        np.testing.assert_array_equal(points.get_xdata(), table["confidence"][filled])
        np.testing.assert_array_equal(points.get_ydata(), table["accuracy"][filled])
        ends = np.array(interval.get_segments())[:, :, 1]
        np.testing.assert_array_equal(ends, np.transpose([table["accuracy_low"], table["accuracy_high"]])[filled])
    assert len({points.get_marker() for points in series}) == len(series)


@pytest.mark.parametrize("number", [1, 2])
def test_a_bar_counts_the_images_of_its_bin_and_lies_within_it(number: int):
    tables = [reliability(*answers(400, exponent)) for exponent in (3, 1)[:number]]
    _, axes = calibration.draw_reliability({f"table {place}": table for place, table in enumerate(tables)}).axes
    assert len(axes.containers) == number
    spans = []
    for table, bars in zip(tables, axes.containers, strict=True):
        assert [bar.get_height() for bar in bars] == list(table["count"])
        left = np.array([bar.get_x() for bar in bars])
        right = left + [bar.get_width() for bar in bars]
        assert (table["low"] < left).all()
        assert (right < table["high"]).all()
        spans.append((left, right))
    if number == 2:
        assert (spans[0][1] <= spans[1][0] + 1e-9).all()  # beside one another


def test_a_single_image_has_a_bar_that_can_be_seen():
    _, axes = calibration.draw_reliability({"one": reliability(np.array([0.9]), np.array([True]))}).axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] < 1


def test_the_risk_is_drawn_with_its_band_between_refusing_at_random_and_refusing_every_mistake_first():
    confidences, right = answers(400, 1)
    (axes,) = risk(confidences, right).axes
    curve = risk_coverage(confidences, right)
    drawn, chance, best, *_ = axes.lines
    np.testing.assert_array_equal(drawn.get_xdata(), curve["coverage"])
    np.testing.assert_array_equal(drawn.get_ydata(), curve["risk"])
    assert set(chance.get_ydata()) == {curve["risk"][-1]}
    np.testing.assert_allclose(best.get_ydata(), risk_coverage(right.astype(float), right)["risk"], atol=1e-12)
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == curve["risk_low"].min()
    assert band[:, 1].max() == curve["risk_high"].max()


def test_the_title_and_the_mark_say_what_refusing_the_least_sure_leaves():
    confidences = np.arange(1, 201) / 200
    right = np.arange(200) >= 12  # the twelve least sure are wrong: two of them are left
    figure = risk(confidences, right)
    title, *names = words(figure)
    assert title == "Refuse the least sure 5 %: 98.95 % of the rest are right"
    assert names[-1] == "95 % interval of the 98.95 %: 96.24 to 99.71 %"
    mark = figure.axes[0].lines[-1]
    assert mark.get_xydata() == pytest.approx(np.array([[0.95, 2 / 190]]))


@pytest.mark.parametrize("wrong", [0, 1, 200])
@pytest.mark.parametrize("spread", [0, 1], ids=["one confidence", "spread"])
def test_the_whole_curve_but_its_first_answers_is_in_sight(wrong: int, spread: int):
    confidences = 1 - spread * np.arange(200) / 400
    right = np.arange(200) >= wrong  # the surest are wrong
    (axes,) = risk(confidences, right).axes
    curve = risk_coverage(confidences, right)
    bottom, top = axes.get_ylim()
    assert bottom < 0
    assert (curve["risk"][10:] < top).all()
    assert curve["risk_high"][-1] < top


@pytest.mark.parametrize("draw", [diagram, lambda: risk(*answers(400, 1))], ids=["reliability", "risk and coverage"])
def test_a_phone_of_390_points_shows_no_letter_smaller_than_eight_points_and_as_many_pixels_as_other_figures(draw):
    figure = draw()
    width = figure.bbox.width
    assert width == pytest.approx(style.canvas(1, 1, height=1)[0].bbox.width)
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert min(sizes) * figure.dpi / 72 * 390 / width > 8


@pytest.mark.parametrize(
    ("confidences", "right"),
    [
        (np.array([0.4]), np.array([False])),
        (np.ones(30), np.ones(30, bool)),
        (np.ones(30), np.arange(30) < 7),
        (np.full(30, 0.01), np.zeros(30, bool)),
        answers(10_000, 1.2),
    ],
    ids=["one image", "certain and right", "certain", "never right", "many"],
)
def test_no_text_is_cut_off_whatever_the_answers_are(confidences: NDArray[np.float64], right: NDArray[np.bool_]):
    table = reliability(confidences, right)
    both = calibration.draw_reliability({"as trained": table, "after temperature scaling, T = 13.37": table})
    for figure in (both, risk(confidences, right)):
        figure.draw_without_rendering()
        (legend,) = figure.legends
        boxes = [legend.get_window_extent(), *(axes.get_tightbbox() for axes in figure.axes)]
        corners = np.array([box.get_points() for box in boxes])
        assert (corners >= -1).all()
        assert (corners <= figure.bbox.size + 1).all()
        assert not any(legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in figure.axes)
