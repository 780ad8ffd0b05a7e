"""The project's folder and what git says, in a project that is a part of a larger repository too."""

import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.clones import Clone, commit, complete_rows

from pipeline.config import repository


def test_the_project_is_where_dvc_yaml_is_and_what_dvc_says_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "larger/digits/notebooks").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", tmp_path / "larger"], check=True)
    monkeypatch.chdir(tmp_path / "larger/digits/notebooks")
    assert repository.root() == tmp_path / "larger/digits/notebooks"
    (tmp_path / "larger/digits/dvc.yaml").write_text("")
    assert repository.root() == tmp_path / "larger/digits"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert repository.root() == tmp_path


def test_a_repository_that_git_does_not_read_is_no_clean_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert repository.code_tags() == {"git.commit": "unknown", "git.dirty": "unknown"}


@pytest.fixture
def part(clone: Clone) -> Clone:
    """A clone that is a part of a larger git repository."""
    larger = Clone(clone.folder.parent / "larger")
    larger.folder.mkdir()
    (clone.folder / ".git").rename(clone.folder.parent / "its-own-history")
    digits = Clone(clone.folder.rename(larger.folder / "digits"))
    digits.run("git", "init", "--quiet", "..")
    (larger.folder / "essay.txt").write_text("draft")
    commit(larger, "start")
    return digits


@pytest.mark.slow
def test_a_part_of_a_larger_repository_has_one_store_beside_dvc_yaml_and_its_own_state_in_git(part: Clone) -> None:
    (part.folder.parent / "essay.txt").write_text("another draft, which is no code of ours")
    part.repro()
    assert part.run("python", "-m", "pipeline.publish").stdout.endswith(" holds this content already\n")
    part.run("dvc", "exp", "run", "--temp", "-S", "error_analysis.seed=1")
    part.run("dvc", "exp", "run", "--queue", "-S", "error_analysis.seed=2")
    part.run("dvc", "exp", "run", "--run-all")
    assert len(complete_rows(part)) == 3
    assert list(part.folder.parent.glob("mlflow.db*")) == list(part.folder.parent.glob(".convscope")) == []
    client = MlflowClient(f"sqlite:///{part.folder / 'mlflow.db'}")
    rows = client.search_runs([client.get_experiment_by_name("convscope").experiment_id])
    assert {row.info.run_name for row in rows} == {"baseline", "error_analysis.seed=1", "error_analysis.seed=2"}
    assert {row.data.tags["git.dirty"] for row in rows} == {"false"}
    commit(Clone(part.folder.parent), "results")
    part.run("dvc", "exp", "run", "-S", "error_analysis.seed=3")
    part.run("python", "-m", "pipeline.commands.back")
    assert part.repro() == ["publish"]  # which looks for its row, since DVC does not bring its note back
    assert part.run("git", "status", "--porcelain").stdout == ""
