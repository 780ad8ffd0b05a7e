import shutil
from pathlib import Path

import pytest
from support.clones import PROJECT, Clone, complete_rows, copy_of

from pipeline.config.errors import UserError
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
    assert clone.repro() == ["evaluate", "error_analysis", "report", "publish"]
    clone.run("git", "checkout", "--quiet", "params.yaml", "dvc.lock")
    clone.run("dvc", "checkout")
    assert clone.repro() == ["publish"]  # which looks for its row, since DVC does not bring its note back
    assert clone.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert len(complete_rows(clone)) == 2


LOCK = """\
schema: '2.0'
stages:
  train:
    cmd: python -m pipeline.train
    params:
      params.yaml:
        train:
          rate: 1e-05
          classes: 'yes'
    outs:
    - path: models
      md5: {models}
  publish:
    cmd: python -m pipeline.publish
    outs:
    - path: data/published.json
      md5: 0123456789abcdef
  evaluate:
    cmd: python -m pipeline.evaluate
    params:
      params.yaml:
        prepare.validation: holdout
    outs:
    - path: scores.csv
      md5: {scores}
"""
PARAMS = "train: {rate: 0.00001, classes: 'yes'}\nprepare: {validation: holdout}\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two stages with their results, as dvc.lock and params.yaml know them, and publish between them."""
    monkeypatch.chdir(tmp_path)
    Path("models/deep").mkdir(parents=True)
    for path in ("models/b", "models/a.h5", "models/deep/a", "scores.csv"):
        Path(path).write_text(path)
    Path("params.yaml").write_text(PARAMS)
    Path("dvc.yaml").write_text("stages: {train: {}, evaluate: {}, publish: {}}")
    Path("dvc.lock").write_text(LOCK.format(models=MD5S[0], scores=MD5S[1]))
    return tmp_path


MD5S = ["a3f330dc53c3d77fa41afd66f05c6557.dir", "22eb7c384550c05002866f7d4a5c9140"]  # as dvc add writes them


def test_a_workspace_that_is_what_dvc_lock_says_passes_whatever_dvc_lock_says_of_publish(workspace: Path) -> None:
    results.check()
    assert results.hashes() == dict(zip(["models", "scores.csv"], MD5S, strict=True))


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("models/deep/a", "other", "models is not what dvc.lock says"),
        ("models/more", "", "models is not what dvc.lock says"),
        ("scores.csv", "", "scores.csv is not what dvc.lock says"),
        ("params.yaml", PARAMS.replace("holdout", "test"), "prepare.validation is test in params.yaml, holdout in"),
        ("params.yaml", PARAMS.replace("0.00001", "0.1"), "train.rate is 0.1 in params.yaml, 1e-05 in dvc.lock"),
        ("params.yaml", PARAMS.replace("{rate", "{more: 1, rate"), "train.more is 1 in params.yaml, None in dvc.lock"),
        ("dvc.lock", "stages: {}", "dvc.lock knows no results of train"),
        ("dvc.lock", "<<<<<<< ours", "dvc.lock: found"),
    ],
)
def test_what_is_not_as_dvc_lock_says_is_named(workspace: Path, path: str, text: str, message: str) -> None:
    Path(path).write_text(text)
    with pytest.raises(UserError, match=message):
        results.check()


def test_dvc_lock_is_kept_without_the_publication_before_and_otherwise_as_it_is(workspace: Path) -> None:
    before, after = LOCK.split("  publish:\n")
    kept = before + "  evaluate:\n" + after.split("  evaluate:\n")[1]
    assert results.lock_before_publish() == kept.format(models=MD5S[0], scores=MD5S[1])
