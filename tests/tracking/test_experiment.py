"""A complete run: its name, and what it is made of."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from pipeline.tracking import experiment
from pipeline.tracking.experiment import Experiment

COMMITTED = {"train.epochs": 6, "model.dropout": 0.25}


def of(settings: dict[str, object]) -> Experiment:
    return Experiment("1a2b3c4d5e6f", settings, {}, pd.DataFrame(), {}, [], {}, "unseen")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "baseline"),
        ({"train.epochs": 12}, "train.epochs=12"),
        ({"model.dropout": 0.0, "train.epochs": 12}, "train.epochs=12, model.dropout=0.0"),
        ({f"model.{key}": 1 for key in "abcdefgh"}, ", ".join(f"model.{key}=1" for key in "abcdef") + ", 2 more"),
    ],
)
def test_a_run_is_named_by_what_differs_from_the_committed_settings(changes: dict[str, object], name: str) -> None:
    assert experiment.name_of(of(COMMITTED | changes), COMMITTED) == name


def test_a_run_is_named_by_its_content_where_the_committed_settings_cannot_be_read() -> None:
    assert experiment.name_of(of(COMMITTED), None) == "content 1a2b3c4d"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("train:\n  epochs: 6\n  rate: 1e-3\n", {"train.epochs": 6, "train.rate": 0.001}),
        ("train:\n  epoch_of_an_older_version: 6\nold: 1\n", {"train.epoch_of_an_older_version": 6}),
        ("train: [", None),
        ("", None),
        (None, None),
    ],
    ids=["read", "of another version", "no YAML", "empty", "no such commit"],
)
def test_the_committed_settings_are_read_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, known: dict[str, object] | None
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    if text is not None:
        Path("params.yaml").write_text(text)
        identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
        subprocess.run(["git", "add", "params.yaml"], check=True)
        subprocess.run(["git", *identity, "commit", "--quiet", "--message", "start"], check=True)
    assert experiment.committed_settings() == known
