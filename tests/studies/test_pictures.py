"""Which numbers the drawing functions get."""

import numpy as np
import pandas as pd
import pytest
from support import results as synthetic

from pipeline.studies import pictures
from pipeline.studies.tables import Results


def test_the_forest_is_that_of_the_deciding_measure_in_its_unit():
    results = synthetic.study()
    (one,) = results.decisions
    left, _ = pictures.forest(results).axes
    thin, thick = (line.get_xdata() for line in left.lines[1:3])
    np.testing.assert_allclose(thick, [100 * one["low"], 100 * one["high"]])
    np.testing.assert_allclose(thin, [100 * one["low_new"], 100 * one["high_new"]])
    assert "test accuracy, in points" in left.get_xlabel()


def test_a_variant_without_interval_has_no_row_and_a_study_without_any_no_forest():
    results = synthetic.several()
    results.verdicts["verdicts"][0] |= dict.fromkeys(["difference", "low", "high", "low_new", "high_new"])
    names = [label.get_text() for label in pictures.forest(results).axes[0].get_yticklabels()]
    assert len(names) == 8
    with pytest.raises(ValueError, match="null: no variant has a difference"):
        pictures.forest(synthetic.null())


def test_a_variant_with_a_baseline_of_its_own_is_drawn_against_that():
    results = synthetic.study("dropout", {"40 epochs": 0.01, "40 epochs, dropout off": 0.02})
    results.verdicts["verdicts"][1]["baseline"] = "40 epochs"
    figure = pictures.slopes(results)
    assert figure.axes[1].get_title().replace("\n", " ") == "40 epochs, dropout off, against 40 epochs"
    start = [line.get_ydata()[0] for line in figure.axes[1].lines[:-1]]
    arm = results.trials[results.trials["variant"] == "40 epochs"]
    np.testing.assert_allclose(start, 100 * arm["test_accuracy"])


def test_a_seed_whose_trial_failed_has_no_slope():
    results = synthetic.several()
    *_, last = pictures.slopes(results).axes[:9]
    assert len(last.lines) - 1 == results.verdicts["seeds"] - 1


def test_a_curve_over_a_setting_is_drawn_only_where_the_arms_differ_in_one_number():
    figure = pictures.by_setting(synthetic.sizes())
    assert figure is not None
    (axes,) = figure.axes
    assert list(axes.lines[0].get_xdata()) == [1000, 2000, 5000, 10_000, 20_000, 50_000]
    for results in (synthetic.study(), synthetic.several(), synthetic.null()):
        assert pictures.by_setting(results) is None


def test_a_trial_that_several_studies_share_counts_once_and_a_failed_one_not_at_all():
    one, other = synthetic.several(), synthetic.study()
    together = pictures.separation_trials([one, other, one])
    assert len(together) == 89 + 16
    assert list(together["study"].unique()) == ["kernels", "dropout"]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_rank_correlation_is_spearmans_whatever_the_scale(sign):
    table = pd.DataFrame({"accuracy": [0.1, 0.9, 0.97, 0.99], "auroc": sign * np.array([0.5, 0.51, 0.9, 0.91])})
    result = pictures.rank_correlation(table)
    assert result is not None
    assert result[0] == pytest.approx(sign)


@pytest.mark.parametrize("values", [[], [0.9, 0.91], [0.9, 0.9, 0.9]])
def test_there_is_no_correlation_where_nothing_varies(values):
    table = pd.DataFrame({"accuracy": values, "auroc": values}, dtype=float)
    assert pictures.rank_correlation(table) is None


def test_trials_without_seconds_are_not_drawn_against_them():
    results: Results = synthetic.several()
    timed = results.trials.merge(synthetic.seconds(results), on=["variant", "seed"], how="left")
    (axes,) = pictures.time(timed, "test_accuracy").axes
    assert sum(len(group.get_offsets()) for group in axes.collections) == 89
