"""One run a study's content: its numbers, words and files, found again and mended."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support.trials import write_results

from pipeline.data import files
from pipeline.tracking import study_runs


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A store of its own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def runs(client: MlflowClient) -> list[Run]:
    return client.search_runs([client.get_experiment_by_name("convscope-studies").experiment_id])


def test_a_studys_run_holds_its_verdicts_in_numbers_and_words_and_all_its_files(
    client: MlflowClient, tmp_path: Path
) -> None:
    results = write_results(tmp_path / "results/dropout")
    page = tmp_path / "page.html"
    page.write_text("<!doctype html>")
    run_id, done = study_runs.log_study(client, "dropout", results, page)
    run = client.get_run(run_id)
    assert (done, run.info.run_name, run.info.status) == ("written", "dropout", "FINISHED")
    verdict = files.read_json(results / "verdicts.json")["verdicts"][0]
    told = {
        key: run.data.metrics[f"test_accuracy/dropout off/{key}"] for key in ("difference", "low", "high", "p_holm")
    }
    assert told == {key: verdict[key] for key in told}
    assert "test_accuracy/dropout off/low_new" not in run.data.metrics
    assert run.data.metrics["null/false_alarms"] == 0.03
    assert run.data.metrics["reference/test_accuracy/published"] == 0.95
    published = client.get_metric_history(run_id, "reference/val_accuracy/published")
    assert [(point.step, point.value) for point in published] == [(1, 0.9), (2, 0.9)]
    asked = {key: run.data.params[key] for key in ("question", "claim", "seeds", "worth/test_accuracy")}
    assert asked == {
        "question": "Does this network need its dropout?", "claim": "null", "seeds": "12",
        "worth/test_accuracy": "0.002",
    }  # fmt: skip
    assert run.data.tags["study"] == "dropout"
    words = run.data.tags["mlflow.note.content"].splitlines()
    assert words[0] == "**Does this network need its dropout?**"
    assert words[2:] == ["- dropout off: +0.46 points", "- dropout off: +0.46 points", "- 3 % false alarms"]
    assert {file.path for file in client.list_artifacts(run_id)} == {
        *["trials.csv", "curves.csv", "verdicts.json", "summary.md", "forest.svg", "page.html"]
    }


def test_the_same_content_is_one_run_wherever_it_lies_and_other_content_another(
    client: MlflowClient, tmp_path: Path
) -> None:
    first, done = study_runs.log_study(client, "dropout", write_results(tmp_path / "a"), None)
    again = study_runs.log_study(client, "dropout", write_results(tmp_path / "b"), None)
    assert (done, again) == ("written", (first, "found"))
    other, done = study_runs.log_study(client, "dropout", write_results(tmp_path / "c", difference=0.005), None)
    assert done == "written"
    assert {run.info.run_id for run in runs(client)} == {first, other}


def test_lost_files_and_a_page_that_was_not_there_are_logged_later(client: MlflowClient, tmp_path: Path) -> None:
    results = write_results(tmp_path / "results")
    run_id, _ = study_runs.log_study(client, "dropout", results, None)
    stored = tmp_path / f"mlartifacts/convscope-studies/{run_id}/artifacts"
    (stored / "forest.svg").unlink()
    (tmp_path / "page.html").touch()
    assert study_runs.log_study(client, "dropout", results, tmp_path / "page.html") == (run_id, "mended")
    assert {path.name for path in stored.iterdir()} == {path.name for path in results.iterdir()} | {"page.html"}
    assert study_runs.log_study(client, "dropout", results, tmp_path / "page.html") == (run_id, "found")


def test_variants_of_odd_names_have_metrics_of_their_own(client: MlflowClient, tmp_path: Path) -> None:
    variants = ("L1 (LASSO)", "L1 [LASSO]", "..", "a/b", "größer = besser", "l1 _lasso_")
    results = write_results(tmp_path / "results", variants)
    run_id, _ = study_runs.log_study(client, "dropout", results, None)
    metrics = client.get_run(run_id).data.metrics
    differences = [
        value for key, value in metrics.items() if key.startswith("test_loss") and key.endswith("difference")
    ]
    told = json.loads((results / "verdicts.json").read_text())["verdicts"]
    assert sorted(differences) == sorted(entry["difference"] for entry in told if entry["measure"] == "test_loss")


def test_a_run_that_was_cut_off_is_withdrawn_and_written_anew(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = write_results(tmp_path / "results")
    with monkeypatch.context() as cut:
        cut.setattr(study_runs, "log_files", None)
        with pytest.raises(TypeError):
            study_runs.log_study(client, "dropout", results, None)
    assert [run.info.status for run in runs(client)] == ["RUNNING"]
    run_id, done = study_runs.log_study(client, "dropout", results, None)
    assert done == "written"
    assert [(run.info.run_id, run.info.status) for run in runs(client)] == [(run_id, "FINISHED")]
