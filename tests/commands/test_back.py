"""The way back from an experiment, and what is never lost on it."""

import hashlib
from pathlib import Path

import pytest
import yaml
from support.clones import PROJECT, Clone, commit, copy_of

pytestmark = pytest.mark.slow
README = (PROJECT / "README.md").read_text()
MADE = ("data", "models", "metrics", "figures", "report")


def everything(clone: Clone) -> dict[Path, bytes]:
    """All that a way back may touch, by path."""
    paths = [path for folder in MADE for path in (clone.folder / folder).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in [*paths, clone.folder / "params.yaml", clone.folder / "dvc.lock"]}


def back(clone: Clone) -> str:
    """What `make back` says, one line without the last full stop."""
    result = clone.run("python", "-m", "pipeline.commands.back", check=False)
    (line,) = [*result.stdout.splitlines(), *result.stderr.splitlines()]
    assert result.returncode == (1 if "nothing is changed" in line or "no dvc.lock" in line else 0)
    return line


@pytest.fixture
def copy(finished: Clone, tmp_path: Path) -> Clone:
    return copy_of(finished, tmp_path / "convscope")


def forget(clone: Clone, path: str) -> None:
    """Remove one output of dvc.lock from DVC's cache."""
    stages = yaml.safe_load(clone.lock())["stages"].values()
    (md5,) = (out["md5"] for stage in stages for out in stage["outs"] if out["path"] == path)
    (clone.folder / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}").unlink()


def test_an_experiment_is_taken_back_and_nothing_runs_again(copy: Clone) -> None:
    before = everything(copy)
    copy.run("dvc", "exp", "run", "-S", "train.epochs=1")
    assert everything(copy) != before
    (copy.folder / "models/.DS_Store").write_text("a dropping is in nobody's way")
    assert back(copy) in README.splitlines()
    (copy.folder / "models/.DS_Store").unlink(missing_ok=True)
    after = everything(copy)
    note = copy.folder / "data/published.json"  # of what this store holds
    assert after | {note: before[note]} == before
    assert copy.repro() == ["publish"]  # which looks for its row, since DVC does not bring its note back
    assert " and 0 outputs brought back " in back(copy)


def foreign(clone: Clone) -> None:
    """Commit a dvc.lock of another machine, whose network has bytes that are in no cache here."""
    lock = yaml.safe_load(clone.lock())
    for out in lock["stages"]["train"]["outs"]:
        out["md5"] = hashlib.md5(out["md5"].encode()).hexdigest() + (".dir" if out["md5"].endswith(".dir") else "")
    (clone.folder / "dvc.lock").write_text(yaml.safe_dump(lock))
    commit(clone, "as another machine has it")


def test_where_the_cache_lacks_what_is_committed_nothing_is_changed_and_make_rebuilds_it(copy: Clone) -> None:
    foreign(copy)
    copy.repro()
    copy.set(error_analysis__seed=1)
    copy.repro()
    before = everything(copy)
    line = back(copy)
    assert line == (
        "back: nothing is changed, since DVC's cache lacks what the last commit's dvc.lock names: "
        "metrics/history.csv, metrics/train.json, models/kernels.npz, models/layers.json, models/layers.txt, "
        "models/model.keras, models/weights.npz; "
        "`git checkout HEAD -- params.yaml dvc.lock`, then `make` (or `dvc repro`) rebuilds it"
    )
    assert everything(copy) == before
    copy.run("git", "checkout", "HEAD", "--", "params.yaml", "dvc.lock")
    assert "train" in copy.repro()
    assert copy.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


def test_what_lies_in_the_workspace_and_in_no_cache_is_never_lost(copy: Clone) -> None:
    copy.set(error_analysis__seed=1)
    copy.repro()
    (copy.folder / "figures/error_analysis/mine.txt").write_text("a note")
    forget(copy, "metrics/error_analysis.json")
    before = everything(copy)
    assert back(copy) == (
        "back: nothing is changed, since DVC's cache lacks what lies here now: figures/error_analysis, "
        "metrics/error_analysis.json; `dvc data status --granular` lists the files; move them away first"
    )
    assert everything(copy) == before


def test_without_a_committed_lock_file_it_says_so(clone: Clone) -> None:
    assert back(clone) == "back: the last commit has no dvc.lock; `make` makes it, then commit it"
