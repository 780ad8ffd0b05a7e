"""What `make clean` takes away, and what it leaves."""

from pathlib import Path

import pytest
from support.clones import Clone, copy_of

MADE = ("data", "models", "metrics", "figures", "report")


@pytest.fixture
def copy(finished: Clone, tmp_path: Path) -> Clone:
    return copy_of(finished, tmp_path / "convscope")


def files_of(clone: Clone) -> set[Path]:
    """All files in the folders that the pipeline writes into."""
    paths = (path for folder in MADE for path in (clone.folder / folder).rglob("*"))
    return {path.relative_to(clone.folder) for path in paths if path.is_file()}


@pytest.mark.slow
def test_what_the_pipeline_made_goes_and_dvc_brings_it_back(copy: Clone):
    before = files_of(copy)
    output = copy.run("python", "-m", "pipeline.commands.clean").stdout
    assert output == f"clean: {len(before)} files removed\n"
    assert [folder for folder in MADE if (copy.folder / folder).exists()] == []
    copy.run("dvc", "checkout")
    note = Path("data/published.json")  # of what this store holds: publish writes it, once it has looked
    assert files_of(copy) == before - {note}


@pytest.mark.slow
def test_a_users_own_files_stay_wherever_they_lie_and_changed_results_too(copy: Clone):
    own = {Path("data/own.npz"), Path("data/raw/mine.txt"), Path("report/notes.md"), Path("metrics/history.csv")}
    for name in own:
        (copy.folder / name).unlink(missing_ok=True)
        (copy.folder / name).write_text("mine")
    output = copy.run("python", "-m", "pipeline.commands.clean").stdout
    assert files_of(copy) == own
    for name in own:
        assert f"clean: {name} is left: the pipeline did not make it, or it was changed since\n" in output
        assert (copy.folder / name).read_text() == "mine"


@pytest.mark.slow
def test_a_pipeline_that_never_ran_has_nothing_to_clean(clone: Clone):
    assert clone.run("python", "-m", "pipeline.commands.clean").stdout == "clean: 0 files removed\n"
