"""The stage by itself, in the finished clone's copy."""

from pathlib import Path

import pytest
from support.clones import Clone, complete_rows, copy_of


@pytest.mark.slow
def test_the_same_content_is_published_once_however_often_it_is_asked_for(finished: Clone, tmp_path: Path):
    clone = copy_of(finished, tmp_path / "convscope")
    first = clone.run("python", "-m", "pipeline.publish").stdout
    again = clone.run("python", "-m", "pipeline.publish").stdout
    assert first.endswith(" written\n")
    assert again == first.replace(" written\n", " holds this content already\n")
    assert len(complete_rows(clone)) == 1


@pytest.mark.slow
def test_a_foreign_file_among_the_metrics_is_no_part_of_the_run(finished: Clone, tmp_path: Path):
    clone = copy_of(finished, tmp_path / "convscope")
    (clone.folder / "metrics/mine.json").write_text('{"test_accuracy": 1.0}')
    clone.run("python", "-m", "pipeline.publish")
    assert complete_rows(clone) == complete_rows(finished)
