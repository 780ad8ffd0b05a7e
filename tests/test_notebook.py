"""The article as a notebook: clean as it is committed, and its numbers those of the pipeline."""

import io
from ast import literal_eval
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.clones import PROJECT, Clone

from pipeline.data import files

NOTEBOOK = PROJECT / "notebooks/article.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
CODE = [cell for cell in CELLS if cell.cell_type == "code"]
FIGURES = [
    "random", "edge", "pooling", "history", "example", "wrong-example", "mistakes", "confidence", "filters", "maps",
]  # fmt: skip


def test_the_notebook_is_committed_as_nobody_has_run_it():
    assert [cell.id for cell in CODE if cell.outputs or cell.execution_count is not None] == []


def test_nothing_in_the_notebook_tells_of_the_machine_where_it_was_saved():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    assert notebook.metadata == {"kernelspec": kernel, "language_info": {"name": "python"}}
    assert [cell.id for cell in CELLS if cell.metadata] == []


def test_a_cell_is_a_few_lines_and_defines_no_function_of_its_own():
    assert [cell.id for cell in CODE if len(cell.source.splitlines()) > 10] == []
    assert [cell.id for cell in CODE if "def " in cell.source] == []


def test_the_environment_of_the_notebook_holds_the_server_and_none_of_what_the_pipeline_needs():
    names = {line.split("==")[0] for line in (PROJECT / "notebooks/requirements.lock").read_text().splitlines()}
    assert "jupyterlab" in names
    assert not names & {"tensorflow", "keras", "matplotlib", "mlflow", "numpy"}


def execute(clone: Clone, home: Path) -> dict[str, list[Any]]:
    """Run a copy of a clone's notebook where it lies, by a kernel without the user's settings of IPython.

    Return the outputs of each cell by its id.
    """
    notebook = nbformat.read(clone.folder / "notebooks/article.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": clone.folder / "notebooks"}})
    client.execute(env=clone.environment(IPYTHONDIR=str(home)))
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


@pytest.fixture(scope="module")
def erring(make_clone: Callable[[], Clone]) -> Clone:
    """A clone in which all ran that the notebook repeats, with a network that learnt too little to be always right."""
    clone = make_clone()
    clone.set(train__learning_rate=0.0003)
    clone.repro("error_analysis")
    return clone


@pytest.fixture(scope="module")
def outputs(erring: Clone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The outputs of its notebook."""
    return execute(erring, tmp_path_factory.mktemp("ipython"))


def texts(outputs: list[Any]) -> list[str]:
    """What outputs say, as text."""
    return [output.data["text/plain"] for output in outputs if "data" in output]


@pytest.fixture
def metrics(erring: Clone) -> Callable[[str], dict[str, Any]]:
    return lambda stage: files.read_json(erring.folder / f"metrics/{stage}.json")


@pytest.mark.slow
def test_the_score_of_the_notebook_is_the_pipelines_to_the_last_digit(outputs, metrics):
    (told,) = texts(outputs["score"])
    score = literal_eval(told)
    assert {"test_accuracy", "test_loss", "wrong"} <= score.keys()
    assert score == {name: metrics("evaluate")[name] for name in score}
    assert int(texts(outputs["mistakes"])[-1]) == metrics("evaluate")["wrong"] > 0


@pytest.mark.slow
def test_the_notebooks_table_of_epochs_is_the_pipelines(outputs, erring):
    table = pd.read_csv(io.StringIO(texts(outputs["history"])[0]), sep=r"\s+")
    history = pd.read_csv(erring.folder / "metrics/history.csv")
    pd.testing.assert_frame_equal(table, history, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_the_notebooks_layers_and_weights_are_counted_as_the_pipeline_counts_them(outputs, metrics, erring):
    layers = files.read_json(erring.folder / "models/layers.json")["layers"]
    (table,) = texts(outputs["network"])
    assert [line.split()[1] for line in table.splitlines()[1:]] == [layer["layer"] for layer in layers]
    assert texts(outputs["parameters"]) == [str(metrics("train")["parameters"])]


@pytest.mark.slow
def test_the_notebook_measures_confidence_as_the_pipeline_does(outputs, metrics):
    told = literal_eval(texts(outputs["confidence"])[0])
    assert told == {name: metrics("error_analysis")[name] for name in told}


@pytest.mark.slow
def test_every_step_of_the_article_shows_its_figure(outputs):
    shown = [name for name, said in outputs.items() if any("image/png" in output.get("data", {}) for output in said)]
    assert shown == FIGURES


@pytest.mark.slow
def test_without_prepared_data_the_first_cell_says_to_run_make_and_no_other_runs(clone: Clone, tmp_path: Path):
    with pytest.raises(CellExecutionError) as stopped:
        execute(clone, tmp_path)
    assert stopped.value.evalue == "The prepared data are missing: run `make` in the project's folder first."
