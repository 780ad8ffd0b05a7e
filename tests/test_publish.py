"""The stage by itself, in the finished clone's copy."""

from pathlib import Path

import pytest
from support.clones import Clone, complete_rows, copy_of


@pytest.mark.slow
def test_the_same_content_is_published_once_however_often_it_is_asked_for(finished: Clone, tmp_path: Path) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    first = clone.run("python", "-m", "pipeline.publish").stdout
    again = clone.run("python", "-m", "pipeline.publish").stdout
    assert first.endswith(" written\n")
    assert again == first.replace(" written\n", " holds this content already\n")
    assert len(complete_rows(clone)) == 1


@pytest.mark.slow
def test_a_foreign_file_among_the_metrics_is_no_part_of_the_run(finished: Clone, tmp_path: Path) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    (clone.folder / "metrics/mine.json").write_text('{"test_accuracy": 1.0}')
    clone.run("python", "-m", "pipeline.publish")
    assert complete_rows(clone) == complete_rows(finished)


NO_REGISTRY = """
from pipeline import publish
from pipeline.tracking import registry
def refuse(*_):
    raise registry.NoRegistryError("there is none")
registry.register = refuse
publish.main()
"""


@pytest.mark.slow
def test_a_store_without_a_registry_costs_one_line_and_the_model_is_found_by_its_run(
    finished: Clone, tmp_path: Path
) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    result = clone.run("python", "-c", NO_REGISTRY)
    assert result.stderr == "publish: the model is in no registry: there is none\n"
    assert len(complete_rows(clone)) == 1
    load = [line.strip() for line in result.stdout.splitlines() if line.startswith("  m")]
    script = "\n".join(["import mlflow", *load, "assert model.metadata.signature"])
    clone.run("python", "-c", script)
