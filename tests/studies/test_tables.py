"""A study's results as tables of text, and the forms in which they are taken away."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from support import results as synthetic

from pipeline.studies import forms, tables
from pipeline.studies.measures import MEASURES

STUDIES = {name: make() for name, make in synthetic.ALL.items()}
TABLES = [tables.verdict_table, tables.arm_table, tables.reference_table, tables.trial_table]


@pytest.mark.parametrize("name", STUDIES)
def test_results_read_from_their_folder_are_those_written(name, tmp_path):
    results = STUDIES[name]
    synthetic.write(results, tmp_path)
    back = tables.read(tmp_path)
    pd.testing.assert_frame_equal(back.trials, results.trials, check_dtype=False)
    pd.testing.assert_frame_equal(back.curves, results.curves)
    assert back.verdicts == results.verdicts


def test_a_variant_may_have_a_name_that_pandas_takes_for_a_missing_value(tmp_path):
    synthetic.write(synthetic.study("null", {"None": 0.01, "NA": 0.02, "1": 0.03}), tmp_path)
    assert set(tables.read(tmp_path).trials["variant"]) == {"baseline", "None", "NA", "1"}


@pytest.mark.parametrize("name", STUDIES)
def test_every_verdict_is_a_row_with_its_numbers_on_its_measures_scale(name):
    results = STUDIES[name]
    table = tables.verdict_table(results).to_dict("records")
    for row, one in zip(table, results.verdicts["verdicts"], strict=True):
        scale, digits = MEASURES[one["measure"]].scale, MEASURES[one["measure"]].digits
        names = {"difference": "difference", "95 % low": "low", "95 % high": "high", "variant mean": "variant_mean"}
        for column, key in names.items():
            assert float(row[column]) == pytest.approx(scale * one[key], abs=0.51 * 10**-digits)
        assert (row["variant"], row["verdict"]) == (one["variant"], one["verdict"])
        assert (row["new images low"] == "") == (one["low_new"] is None)


def test_the_short_table_has_the_numbers_of_the_long_one_and_no_bracket_where_there_is_no_interval():
    results = STUDIES["kernels"]
    long, short = (make(results).to_dict("records") for make in (tables.verdict_table, tables.short_verdict_table))
    for whole, row in zip(long, short, strict=True):
        assert row["difference"] == f"{whole['difference']} [{whole['95 % low']}, {whole['95 % high']}]"
        assert (row["new images"] == "") == (whole["new images low"] == "")
        assert row["p"] == whole["p (Holm)"]


@pytest.mark.parametrize("name", STUDIES)
def test_every_arm_has_its_mean_between_its_lowest_and_its_highest_over_the_trials_that_did_not_fail(name):
    results = STUDIES[name]
    for row in tables.arm_table(results).to_dict("records"):
        values = results.trials.query("variant == @row['arm']")["test_accuracy"].dropna()
        told = [float(row[name].removesuffix(" %")) for name in ("lowest", "mean", "highest")]
        np.testing.assert_allclose(
            told, [100 * value for value in (values.min(), values.mean(), values.max())], atol=0.0051
        )
        assert row["seeds"] == str(len(values))
        assert int(row["seeds"]) + int(row["failed"]) == results.verdicts["seeds"]


@pytest.mark.parametrize("make", TABLES)
@pytest.mark.parametrize("name", STUDIES)
def test_the_forms_to_take_away_hold_the_same_cells(make, name):
    table = make(STUDIES[name])
    if table.empty:
        return
    cells = [list(table), *table.to_numpy().tolist()]
    assert list(csv.reader(io.StringIO(forms.table_csv(table)))) == cells
    head, _, *rows = forms.table_markdown(table).splitlines()
    assert [
        [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in (head, *rows)
    ] == cells
    latex = [line.removesuffix(r" \\") for line in forms.table_latex(table).splitlines() if line.endswith(r"\\")]
    assert [[unescaped(cell) for cell in re.split(r"(?<!\\)&", line)] for line in latex] == cells


def unescaped(latex: str) -> str:
    """The text that a LaTeX cell shows."""
    return re.sub(r"\\([&%$#_{}])", r"\1", latex.strip())


def test_names_are_text_in_every_form_and_no_markup():
    table = pd.DataFrame({"arm & more": ["a_b", "50 %", "$x$", "<b>", "x|y", "{z}", "#1", "a\\b", "`c`", "*d*"]})
    latex = forms.table_latex(table)
    assert r"arm \& more" in latex
    for cell in (r"a\_b", r"50 \%", r"\$x\$", r"\{z\}", r"\#1", r"\textbackslash "):
        assert cell in latex
    markdown = forms.table_markdown(table)
    for cell in (r"a\_b", r"\$x\$", r"\<b\>", r"x\|y", r"a\\b", r"\`c\`", r"\*d\*"):
        assert f"| {cell} |" in markdown


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        ("better, by more than matters", "better"),
        ("worse; whether by enough to matter is open", "worse"),
        ("no difference that matters", "no difference that matters"),
        ("cannot tell", "cannot tell"),
    ],
)
def test_a_verdict_has_a_word(verdict, word):
    assert tables.kind(verdict) == word
