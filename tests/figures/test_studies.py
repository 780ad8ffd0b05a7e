"""Differences and their seeds: what is drawn where, and told without colour too."""

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import studies

TABLE = pd.DataFrame(
    {
        "variant": ["dropout off", "L1", "deeper"],
        "difference": [0.46, 0.01, -0.3],
        "low": [0.39, -0.05, -0.7],
        "high": [0.53, 0.07, 0.1],
        "low_new": [0.2, np.nan, -0.9],
        "high_new": [0.7, np.nan, 0.3],
        "verdict": ["better, by more than matters", "no difference that matters", "cannot tell"],
    }
)


def test_a_row_of_the_forest_has_its_variant_its_two_intervals_and_its_verdict():
    left, right = studies.draw_forest(TABLE, "test accuracy", "points", 2, 0.2, "higher").axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["dropout off", "L1", "deeper"]
    for row, one in enumerate(TABLE.itertuples()):
        thin, thick, middle = (line for line in left.lines if set(line.get_ydata()) == {row})
        np.testing.assert_array_equal(thin.get_xdata(), [one.low_new, one.high_new])
        np.testing.assert_array_equal(thick.get_xdata(), [one.low, one.high])
        assert list(middle.get_xdata()) == [one.difference]
        assert thick.get_linewidth() > thin.get_linewidth()
    words = [label.get_text().replace("\n", " ") for label in right.get_yticklabels()]
    assert words[2] == "−0.30 [−0.70, 0.10] cannot tell"  # noqa: RUF001
    assert left.get_ylim() == right.get_ylim()


def test_verdicts_differ_in_their_marks_and_not_only_in_colour():
    left, _ = studies.draw_forest(TABLE, "test accuracy", "points", 2, 0.2, "higher").axes
    marks = [(line.get_marker(), line.get_markerfacecolor()) for line in left.lines if line.get_marker() != "None"]
    assert len(set(marks)) == 3
    assert len({(marker, face == "white") for marker, face in marks}) == 3


@pytest.mark.parametrize(("better", "told"), [("higher", "← worse    better →"), ("lower", "← better    worse →")])
def test_the_forest_says_which_side_is_better(better, told):
    left, _ = studies.draw_forest(TABLE, "test loss", "", 4, 0.01, better).axes
    assert left.get_xlabel().splitlines()[-1] == told


@pytest.mark.parametrize(("difference", "scale"), [(-3.0, "linear"), (-85.0, "symlog")])
def test_a_huge_difference_leaves_the_small_ones_visible_and_the_axis_says_how(difference, scale):
    table = TABLE.assign(difference=[0.46, 0.01, difference], low=difference - 0.1, low_new=difference - 0.2)
    left, _ = studies.draw_forest(table, "test accuracy", "points", 2, 0.2, "higher").axes
    assert left.get_xscale() == scale
    assert ("logarithmic beyond ±2" in left.get_xlabel()) == (scale == "symlog")


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_slope_is_dashed_where_and_only_where_its_seed_got_worse(better):
    pairs = np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.2]])
    (axes,) = studies.draw_slopes({"deeper": pairs}, "test accuracy", better).axes
    *seeds, mean = axes.lines
    np.testing.assert_array_equal([line.get_ydata() for line in seeds], pairs)
    np.testing.assert_allclose(mean.get_ydata(), pairs.mean(axis=0))
    worse = [line.get_linestyle() == "--" for line in seeds]
    assert worse == ([False, True, False] if better == "higher" else [True, False, False])
