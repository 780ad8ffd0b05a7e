"""Trials on disk: found by what decides their content, and by nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clones import SETTINGS

from pipeline.studies import library
from pipeline.studies.outcome import Outcome
from pipeline.studies.spec import changed


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def test_an_outcome_comes_back_as_it_was_kept() -> None:
    kept = Outcome(
        scores={"test_accuracy": 0.1 + 0.2, "misclassification_auroc": None},
        history=pd.DataFrame({"epoch": [1, 2], "loss": [0.3, 1 / 3]}),
        predicted=np.array([1, 2], np.uint8),
        confidence=np.array([0.5, 0.25], np.float32),
        weights="abc",
        parameters=7,
        seconds=1.5,
    )
    library.write("key", kept)
    found = library.read("key")
    assert found is not None
    for part, value in vars(kept).items():
        np.testing.assert_array_equal(getattr(found, part), value)
        assert type(getattr(found, part)) is type(value)


def test_a_failed_trial_comes_back_with_its_reason() -> None:
    library.write("key", Outcome(failed="diverged"))
    assert library.read("key").failed == "diverged"  # type: ignore[union-attr]


def test_a_trial_that_was_not_made_is_not_there() -> None:
    assert library.read("key") is None


@pytest.mark.parametrize("setting", [*library.SECTIONS])
def test_a_key_changes_with_every_setting_that_a_trial_uses(setting: str) -> None:
    other = {"prepare": {"prepare.seed": 0}, "model": {"model.l1": 0.1}, "train": {"train.seed": 1}}[setting]
    assert library.key(changed(SETTINGS, other), "data", "code") != library.key(SETTINGS, "data", "code")


def test_a_key_changes_with_the_data_and_the_code_and_not_with_what_is_only_shown() -> None:
    key = library.key(SETTINGS, "data", "code")
    assert key != library.key(SETTINGS, "other", "code")
    assert key != library.key(SETTINGS, "data", "other")
    assert key == library.key(changed(SETTINGS, {"error_analysis.seed": 3, "fetch.source": "x"}), "data", "code")


def test_a_key_changes_with_the_versions_of_what_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = library.key(SETTINGS, "data", "code")
    monkeypatch.setattr(library.importlib.metadata, "version", lambda package: "0")
    assert key != library.key(SETTINGS, "data", "code")


def test_a_setting_at_its_neutral_value_is_no_part_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.NEUTRAL.items() <= library.params.flat(SETTINGS).items()
    with_neutral = library.key(SETTINGS, "data", "code")
    monkeypatch.setattr(library, "NEUTRAL", {})
    assert with_neutral != library.key(SETTINGS, "data", "code")
