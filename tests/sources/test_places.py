"""Where own images lie, and whether they changed since they were read."""

import os
from pathlib import Path

import pytest

from pipeline.config.errors import UserError
from pipeline.sources import places


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "convscope"))
    (tmp_path / "convscope").mkdir()
    monkeypatch.chdir(tmp_path / "convscope")
    return tmp_path / "convscope"


def test_a_place_is_seen_from_the_project_or_from_a_home(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.chdir(tmp_path)  # a queued run is in another folder
    assert places.place_of("source", "mnist") == project / "mnist"
    assert places.place_of("dataset", "~/mnist") == Path("/home/somebody/mnist")
    assert places.place_of("dataset", "/data/mnist") == Path("/data/mnist")


@pytest.mark.parametrize("value", ["data/raw", "./data/../data/raw/own.npz"])
def test_the_folder_that_fetch_writes_into_is_no_place_of_ones_own(project: Path, value: str):
    with pytest.raises(UserError, match=r"params\.yaml: fetch\.source: found .*data/raw.*, where fetch itself writes"):
        places.place_of("source", value)


def test_a_file_that_is_new_larger_touched_or_gone_is_a_change_and_nothing_else_is(project: Path, tmp_path: Path):
    folder = tmp_path / "own"
    (folder / "cat").mkdir(parents=True)
    picture = folder / "cat/1.png"

    def changed() -> bool:
        found = places.has_changed(folder)
        places.remember(folder)
        return found

    picture.write_bytes(b"one")
    assert not changed()  # nobody noted it
    assert not changed()
    picture.write_bytes(b"longer")
    assert changed()
    os.utime(picture, (1, 1))
    assert changed()
    (folder / "cat/2.png").write_bytes(b"two")
    assert changed()
    picture.unlink()
    assert changed()
    assert not changed()
    assert not places.has_changed(tmp_path / "gone")
