import shutil
from pathlib import Path

import pytest
from support.clones import PROJECT, Clone, complete_rows, copy_of

from pipeline.tracking import lineage as results


def test_numbers_of_nested_metrics_get_joined_names_and_everything_else_is_left_out() -> None:
    tree = {"loss": 0.5, "precision": {"3": 1}, "test_set": "unseen", "none": None, "yes": True, "many": [1, 2]}
    assert results.numbers(tree) == {"loss": 0.5, "precision.3": 1.0}


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_a_digest_changes_with_content_and_names_only(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("a/x").write_text("1")
    Path("b").write_text("2")
    before = results.digest([Path("a"), Path("b")])
    Path("b").touch()
    assert results.digest([Path("b"), Path("a")]) == before
    match change:
        case "content":
            Path("a/x").write_text("3")
        case "name":
            Path("a/x").rename("a/y")
        case "more":
            Path("a/z").write_text("")
    assert results.digest([Path("a"), Path("b")]) != before


DROPPINGS = [".DS_Store", "._picture.png", "Thumbs.db", "desktop.ini", "notes.txt~", ".ipynb_checkpoints/picture.png"]


def drop(folder: Path) -> None:
    """Leave in a folder what file managers, notebooks and editors do."""
    for name in DROPPINGS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("dropped")


def test_droppings_do_not_change_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(PROJECT / ".dvcignore", ".dvcignore")
    Path("figures/stage").mkdir(parents=True)
    Path("figures/stage/picture.png").write_text("1")
    before = results.digest([Path("figures/stage")])
    drop(Path("figures/stage"))
    assert results.digest([Path("figures/stage")]) == before


@pytest.mark.slow
def test_droppings_in_output_folders_change_neither_dvcs_status_nor_the_content(
    finished: Clone, tmp_path: Path
) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    folders = [path for name in ("data", "models", "metrics", "figures") for path in (clone.folder / name).rglob("*/")]
    for folder in [path for path in folders if path.is_dir()]:
        drop(folder)
    assert clone.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert clone.repro() == []
    clone.run("python", "-m", "pipeline.publish")
    assert complete_rows(clone) == complete_rows(finished)
    clone.set(error_analysis__seed=1)  # the stage runs again, and its folder is restored, whatever was dropped there
    assert clone.repro() == ["error_analysis", "report", "publish"]
    clone.run("git", "checkout", "--quiet", "params.yaml", "dvc.lock")
    clone.run("dvc", "checkout")
    assert clone.repro() == []
    assert clone.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert len(complete_rows(clone)) == 2
