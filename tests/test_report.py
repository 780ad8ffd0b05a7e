"""The stage on the finished clone: the page tells what the pipeline made, and nothing that lies beside it."""

from pathlib import Path

import pytest
from support.clones import Clone, copy_of

from pipeline.report import read_table


def test_classes_named_01_na_or_none_are_read_as_what_they_are(tmp_path: Path):
    (tmp_path / "classes.csv").write_text("class,images,precision\n01,3,0.5\nNA,4,\nNone,5,1\n")
    table = read_table(tmp_path / "classes.csv")
    assert list(table["class"]) == ["01", "NA", "None"]
    assert list(table["precision"].isna()) == [False, True, False]


@pytest.mark.slow
def test_foreign_files_beside_the_metrics_neither_break_nor_join_nor_stale_the_page(finished: Clone, tmp_path: Path):
    clone = copy_of(finished, tmp_path / "convscope")
    page = (clone.folder / "report/index.html").read_bytes()
    (clone.folder / "metrics/mine.json").write_text("not JSON at all")
    (clone.folder / "figures/notes").mkdir()
    (clone.folder / "figures/notes/right.png").write_bytes(b"another picture")
    assert clone.repro() == []
    clone.run("python", "-m", "pipeline.report")
    assert (clone.folder / "report/index.html").read_bytes() == page


@pytest.mark.slow
def test_a_missing_input_is_told_in_one_line_before_anything_is_done(finished: Clone, tmp_path: Path):
    clone = copy_of(finished, tmp_path / "convscope")
    for stage, missing in (("report", "metrics/train.json"), ("evaluate", "models/model.keras")):
        (clone.folder / missing).unlink()
        result = clone.run("python", "-m", f"pipeline.{stage}", check=False)
        assert result.returncode == 1
        assert result.stderr == (
            f"{stage}: {missing} is missing; `dvc repro` makes it, or `dvc checkout` brings it back\n"
        )
    assert not list((clone.folder / ".convscope").glob("*/record.json"))


@pytest.mark.slow
def test_a_model_that_is_half_there_is_told_in_one_line(finished: Clone, tmp_path: Path):
    clone = copy_of(finished, tmp_path / "convscope")
    model = clone.folder / "models/model.keras"
    content = model.read_bytes()
    model.unlink()
    model.write_bytes(content[: len(content) // 2])
    result = clone.run("python", "-m", "pipeline.evaluate", check=False)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("models/model.keras: not readable as a Keras model: ")
