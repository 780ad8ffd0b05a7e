"""Studies in short: nothing in them that the results do not say."""

import re

import pytest
from support import results as synthetic

from pipeline.studies import summary, tables
from pipeline.studies.forms import plain

STUDIES = {name: make() for name, make in synthetic.ALL.items()}


@pytest.mark.parametrize("name", STUDIES)
def test_a_summary_tells_the_question_the_claim_every_deciding_verdict_and_every_arm(name):
    results = STUDIES[name]
    text = summary.summary(results)
    assert results.verdicts["question"] in text
    assert (f"claim: {plain(results.verdicts['claim'] or '')}" in text) == (results.verdicts["claim"] is not None)
    for one in results.verdicts["verdicts"]:
        assert (plain(one["sentence"]) in text) == (one["measure"] == "test_accuracy")
    for arm in results.verdicts["arms"]:
        assert f"\n| {plain(arm['name'])} | " in text
    if results.verdicts["null"]:
        assert results.verdicts["null"]["sentence"] in text


def test_failed_trials_are_told():
    assert "90 trials, 1 of them failed." in summary.summary(STUDIES["kernels"])
    assert "16 trials, none failed." in summary.summary(STUDIES["dropout"])


def test_the_smallest_effect_and_the_correlation_are_those_of_the_deciding_measure():
    results = STUDIES["dropout"]
    (one,) = results.decisions
    said = summary.power_told(results)
    assert f"four times in five, is {100 * one['smallest_effect']:.2f} points." in said
    assert f"correlate by {one['correlation']:.2f}." in said
    assert summary.power_told(STUDIES["null"]) == ""


def test_the_readmes_table_has_a_row_a_variant_of_every_study_with_its_own_numbers():
    _, line, *rows = summary.readme_table(STUDIES.values()).splitlines()
    assert set(line) <= set("| -")
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    decisions = [(results, one) for results in STUDIES.values() for one in results.decisions]
    for row, (results, one) in zip(cells, decisions, strict=True):
        assert row[:2] == [results.verdicts["study"], plain(one["variant"])]
        assert row[3] == tables.level(one["variant_mean"], "test_accuracy")
        assert row[5].startswith(f"{100 * one['difference']:+.2f} points [")
        assert row[6:] == [str(one["seeds"]), plain(one["verdict"])]


def test_changed_settings_are_those_that_the_variants_own_baseline_lacks():
    base = {"changes": {"train.epochs": 40}}
    variant = {"changes": {"train.epochs": 40, "model.dropout": 0.0, "prepare.seed": None, "model.filters": []}}
    assert summary.changes(variant, base) == ["model.dropout=0.0", "prepare.seed=null", "model.filters=[]"]
