"""How often trials of one setting give an alarm, and where published values lie among seeds."""

import numpy as np
import pytest

from pipeline.studies import references


def test_trials_of_one_setting_give_few_alarms_and_say_so() -> None:
    trials = np.random.default_rng(3).normal(0.96, 0.002, 24)
    found = references.against_itself(trials, "higher", 0.0001, splits=200)
    assert (found["pairs"], found["splits"], found["trials"]) == (12, 200, 24)
    assert found["false_alarms"] <= 0.08
    assert f"{100 * found['false_alarms']:.1f} % of the splits" in found["sentence"]
    assert found == references.against_itself(trials, "higher", 0.0001, splits=200)


def test_one_more_run_lies_in_the_interval_of_a_published_value_in_95_of_100_cases() -> None:
    random = np.random.default_rng(4)
    inside = []
    for _ in range(2000):
        drawn = random.normal(0.96, 0.002, 21)
        found = references.against_published(drawn[:20], drawn[20])
        inside.append(found["low"] <= found["published"] <= found["high"])
        assert found["below"] == (drawn[:20] < drawn[20]).sum()
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)
