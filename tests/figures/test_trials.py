"""Seconds, settings, curves and separation: a point a trial, a look an arm."""

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import trials

ARMS = [f"arm {number}" for number in range(10)]


def test_every_trial_is_a_point_and_every_arm_has_a_look_of_its_own():
    table = pd.DataFrame({"arm": ARMS * 2, "seconds": np.arange(20.0) + 1, "value": np.linspace(0.9, 0.99, 20)})
    (axes,) = trials.draw_time(table, "test accuracy", share=True).axes
    points = np.concatenate([group.get_offsets() for group in axes.collections])
    np.testing.assert_allclose(sorted(map(tuple, points)), sorted(zip(table["seconds"], table["value"], strict=True)))
    looks = {(str(group.get_paths()[0].vertices), str(group.get_facecolor())) for group in axes.collections}
    assert len(looks) == len(ARMS)


@pytest.mark.parametrize(("lowest", "scale"), [(0.95, "linear"), (0.11, "logit")])
def test_accuracies_near_one_are_spread_where_others_are_far_below(lowest, scale):
    table = pd.DataFrame({"study": "a", "accuracy": [lowest, 0.97, 0.99], "auroc": [0.5, 0.9, 0.95]})
    (axes,) = trials.draw_separation(table, 0.5).axes
    assert axes.get_xscale() == scale
    assert axes.get_title() == "Spearman's correlation 0.50 over 3 trials"


def test_the_curves_are_means_in_bands_and_published_values_are_dots_on_their_own_panel():
    names = ["loss", "accuracy", "val_loss", "val_accuracy"]
    curves = pd.DataFrame({"variant": ["a"] * 2 + ["b"] * 2, "epoch": [1, 2, 1, 2]})
    for number, name in enumerate(names):
        mean = np.array([0.5, 0.6, 0.4, 0.45]) + number / 100
        curves = curves.assign(**{f"{name}_mean": mean, f"{name}_lowest": mean - 0.1, f"{name}_highest": mean + 0.1})
    published = pd.DataFrame({"measure": ["val_loss", "test_loss"], "epoch": [2, None], "published": [0.3, 0.2]})
    figure = trials.draw_spread(curves, published)
    for axes, name in zip(figure.axes, names, strict=True):
        *arms, dots = axes.lines
        for arm, line in zip("ab", arms, strict=True):
            rows = curves["variant"] == arm
            np.testing.assert_array_equal(line.get_ydata(), curves[f"{name}_mean"][rows])
        for arm, band in zip("ab", axes.collections, strict=True):
            rows = curves["variant"] == arm
            heights = band.get_paths()[0].vertices[:, 1]
            assert heights.min() == curves[f"{name}_lowest"][rows].min()
            assert heights.max() == curves[f"{name}_highest"][rows].max()
        assert list(dots.get_ydata()) == ([0.3] if name == "val_loss" else [])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "published"]


def test_a_setting_is_drawn_in_its_order_with_its_band():
    table = pd.DataFrame({"value": [5000, 1000, 20000], "mean": [0.93, 0.87, 0.96]})
    figure = trials.draw_setting(table.assign(lowest=0.8, highest=0.97), "prepare.train_size", "accuracy", share=True)
    (axes,) = figure.axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1000, 0.87], [5000, 0.93], [20000, 0.96]])
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "prepare.train_size"
