"""Files of one's own in or near output folders: none is lost, whatever command runs."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.clones import ARTICLE_YAML, PROJECT, Clone, copy_of
from support.synthetic import synthetic_digits, write_idx

from pipeline.commands.guard import WRITTEN, check
from pipeline.config.errors import UserError
from pipeline.data import idx

DVC = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
OUTS = [next(iter(out)) if isinstance(out, dict) else out for stage in DVC["stages"].values() for out in stage["outs"]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with settings and nothing else."""
    (tmp_path / "params.yaml").write_text(ARTICLE_YAML.read_text())
    return tmp_path


def guard(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "pipeline.commands.guard"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


def test_every_output_folder_of_dvc_yaml_is_guarded_and_no_other():
    assert WRITTEN.keys() == {out for out in OUTS if not Path(out).suffix and not out.startswith("data/raw")}


@pytest.mark.slow
def test_a_finished_pipeline_has_no_foreign_file(finished: Clone):
    assert finished.run("python", "-m", "pipeline.commands.guard").stdout == ""


@pytest.mark.parametrize("folder", WRITTEN)
def test_a_foreign_file_in_a_folder_that_dvc_empties_stops_make_in_one_line(project: Path, folder: str):
    write(project / folder / "mine.png")
    result = guard(project)
    assert result.returncode == 1
    assert result.stderr == (
        f"{folder}/mine.png: is not the pipeline's, and DVC empties {folder}: move it to another folder\n"
    )


def test_files_beside_outputs_and_what_file_managers_and_kills_leave_stop_nothing(project: Path):
    (project / ".dvcignore").write_text((PROJECT / ".dvcignore").read_text())
    for name in ("data/raw/own.npz", "models/old.keras", "figures/mine.png", "metrics/mine.json", "data/own.npz"):
        write(project / name)
    for name in (
        "figures/visualise/.DS_Store",
        "figures/visualise/.curves.png.4711",
        "data/prepared/._test_labels.npy",
    ):
        write(project / name)
    for name in ("figures/visualise/kernels_convolution_2.png", "data/prepared/validation_images.npy"):
        write(project / name)
    result = guard(project)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("key", ["dataset", "source"])
@pytest.mark.parametrize(
    "place", ["data/raw", "./data/raw/", "data/raw/mine.npz", "data/prepared", "figures/visualise/a.npz"]
)
def test_data_of_ones_own_in_an_output_folder_are_refused(project: Path, key: str, place: str):
    write(project / "data/raw/mine.npz")
    write(project / "data/prepared/classes.txt")
    write(project / "figures/visualise/a.npz")
    settings = yaml.safe_load((project / "params.yaml").read_text())
    settings["fetch"][key] = place
    (project / "params.yaml").write_text(yaml.safe_dump(settings))
    result = guard(project)
    assert result.returncode == 1
    assert f"params.yaml: fetch.{key}: found {place}, which lies in " in result.stderr


def test_a_file_system_without_locks_is_told_before_dvc_starts(project: Path, monkeypatch: pytest.MonkeyPatch):
    def stub_of_lockf(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.chdir(project)
    monkeypatch.setattr("fcntl.lockf", stub_of_lockf)
    with pytest.raises(UserError, match=f"{project}: files cannot be locked here .No locks available."):
        check()


@pytest.mark.slow
def test_files_of_ones_own_beside_the_outputs_survive_a_whole_pipeline_and_stale_nothing(
    finished: Clone, tmp_path: Path
):
    copy = copy_of(finished, tmp_path / "convscope")
    own = [
        "data/raw/own.npz",
        "data/own.npz",
        "models/old.keras",
        "figures/mine.png",
        "metrics/mine.json",
        "report/my.md",
    ]
    for name in own:
        write(copy.folder / name)
    assert copy.repro() == []
    assert copy.repro("--force") == list(DVC["stages"])
    assert [name for name in own if (copy.folder / name).read_text() != "mine"] == []


@pytest.mark.slow
def test_own_images_that_changed_on_disk_are_read_again_and_others_are_not(clone: Clone, tmp_path: Path):
    def written() -> bytes:
        return (clone.folder / "data/raw" / idx.TRAIN_LABELS).read_bytes()

    write_idx(tmp_path / "own", synthetic_digits(30, 0), synthetic_digits(20, 1))
    clone.set(fetch__dataset=str(tmp_path / "own"))
    assert clone.repro("fetch") == ["fetch"]
    before = written()
    assert clone.run("python", "-m", "pipeline.commands.guard").stdout == ""
    write_idx(tmp_path / "own", synthetic_digits(40, 0), synthetic_digits(20, 1))
    assert clone.repro("fetch") == []  # DVC does not look there
    assert "has changed since it was read" in clone.run("python", "-m", "pipeline.commands.guard").stdout
    assert len(written()) == len(before) + 10
    assert clone.run("python", "-m", "pipeline.commands.guard").stdout == ""


@pytest.mark.slow
def test_a_file_in_data_raw_that_dvc_could_not_bring_back_is_not_overwritten(clone: Clone, tmp_path: Path):
    mine = clone.folder / "data/raw" / idx.TRAIN_LABELS
    write(mine)
    write_idx(tmp_path / "own", synthetic_digits(30, 0), synthetic_digits(20, 1))
    clone.set(fetch__dataset=str(tmp_path / "own"))
    result = clone.run("dvc", "repro", "fetch", check=False)
    assert f"data/raw/{idx.TRAIN_LABELS}: is in the way, and not the pipeline's" in result.stderr
    assert [path.read_text() for path in mine.parent.iterdir()] == ["mine"]


@pytest.mark.slow
def test_the_only_copy_of_the_data_survives_in_the_folder_that_fetch_writes_into(finished: Clone, tmp_path: Path):
    copy = copy_of(finished, tmp_path / "convscope")
    before = {path.name: path.read_bytes() for path in (copy.folder / "data/raw").iterdir()}
    for key in ("source", "dataset"):
        copy.set(**{f"fetch__{key}": "data/raw"})
        copy.run("dvc", "repro", "fetch", check=False)
        assert {path.name: path.read_bytes() for path in (copy.folder / "data/raw").iterdir()} == before
