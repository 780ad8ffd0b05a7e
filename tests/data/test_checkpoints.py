"""Checkpoints on disk: which one is read, and what is said of the others."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.checkpoints import KEPT, Checkpoint

ORIGIN = {"train.epochs": 6, "train.seed": 0, "data/prepared": "ab12", "pipeline/train.py": "cd34"}


def written(folder: Path, **changes: object) -> Checkpoint:
    """A checkpoint after two epochs, of changed origin."""
    checkpoint = Checkpoint(folder, "train", ORIGIN | changes)
    checkpoint.write({"epochs": 2}, {"weights": np.arange(3.0)})
    return checkpoint


def test_what_was_written_is_read(tmp_path: Path):
    written(tmp_path)
    state, arrays = Checkpoint(tmp_path, "train", ORIGIN).read()
    assert state == {"epochs": 2}
    assert arrays["weights"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("key", ORIGIN)
def test_one_of_other_settings_data_or_code_is_not_read_and_the_line_says_which(tmp_path: Path, capsys, key: str):
    other = written(tmp_path, **{key: "other"})
    assert Checkpoint(tmp_path, "train", ORIGIN).read() is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"train: {other} is of other {key}: not used, and kept for a week"
    assert other.read() is not None


def test_a_long_list_of_differences_is_cut(tmp_path: Path, capsys):
    written(tmp_path, **dict.fromkeys(ORIGIN, "other"))
    Checkpoint(tmp_path, "train", ORIGIN).read()
    assert "of other data/prepared, pipeline/train.py, train.epochs, ...: " in capsys.readouterr().err


@pytest.mark.parametrize("left", [0, 10, -1])
def test_half_a_file_is_not_used_and_said_and_the_next_one_takes_its_place(tmp_path: Path, capsys, left: int):
    checkpoint = written(tmp_path)
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:left])
    assert checkpoint.read() is None
    assert f"train: {checkpoint} is not readable" in capsys.readouterr().err
    checkpoint.write({"epochs": 3}, {})
    assert checkpoint.read() == ({"epochs": 3}, {})


def test_a_flipped_bit_is_found(tmp_path: Path):
    checkpoint = written(tmp_path)
    content = bytearray(checkpoint.path.read_bytes())
    content[content.index(np.float64(2).tobytes())] ^= 1
    checkpoint.path.write_bytes(content)
    assert checkpoint.read() is None


def test_what_an_experiment_in_another_folder_keeps_is_its_own_and_not_spoken_of(tmp_path: Path, monkeypatch, capsys):
    other = tmp_path / "other"
    other.mkdir()
    with monkeypatch.context() as there:
        there.chdir(other)
        written(tmp_path, **{"train.seed": 1})
    assert Checkpoint(tmp_path, "train", ORIGIN).read() is None
    assert capsys.readouterr().err == ""


def test_what_nothing_went_on_from_for_a_week_is_removed(tmp_path: Path):
    old = written(tmp_path, **{"train.seed": 1})
    recent = written(tmp_path, **{"train.seed": 2})
    other_work = Checkpoint(tmp_path, "evaluate", {})
    other_work.write({}, {})
    then = time.time() - KEPT - 60
    for checkpoint in (old, other_work):
        os.utime(checkpoint.path, (then, then))
    Checkpoint(tmp_path, "train", ORIGIN).read()
    assert [checkpoint.path.exists() for checkpoint in (old, recent, other_work)] == [False, True, True]


def test_a_removed_one_is_gone_and_may_be_removed_again(tmp_path: Path):
    checkpoint = written(tmp_path)
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []
