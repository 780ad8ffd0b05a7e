"""Runs of stages and complete runs, whatever DVC took from its cache; each case through the real `dvc`."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from support.clones import Clone, client_of, commit, complete_rows, copy_of, rows
from support.processes import free_port, serve, stop, wait_for

from pipeline.tracking.experiment import HEADLINES

pytestmark = pytest.mark.slow


def stage_runs(client: MlflowClient, stage: str) -> list[Run]:
    """The runs of one stage, the latest first."""
    experiment = client.get_experiment_by_name("convscope-stages").experiment_id
    return client.search_runs([experiment], f"tags.stage = '{stage}'")


def artifact(client: MlflowClient, run: Run, name: str) -> str:
    return Path(client.download_artifacts(run.info.run_id, name)).read_text()


def newest_row(clone: Clone) -> Run:
    return rows(clone)[0]


@pytest.fixture
def copy(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone, cache and all, in which a test may do what it likes."""
    return copy_of(finished, tmp_path / "convscope")


def test_a_fresh_pipeline_leaves_one_complete_run_and_one_run_a_stage(finished: Clone) -> None:
    assert len(complete_rows(finished)) == 1
    client = client_of(finished)
    row = newest_row(finished)
    assert row.info.run_name == "baseline"
    assert row.data.tags["test_set"] == "unseen"
    lineage = json.loads(artifact(client, row, "lineage.json"))
    locked = yaml.safe_load((finished.folder / "dvc.lock").read_text())["stages"]
    assert lineage["stages"].keys() == locked.keys() - {"publish"}
    for stage, made in lineage["stages"].items():
        producer = client.get_run(made["run"])
        assert producer.data.tags["stage"] == stage
        assert producer.data.tags["results"] == made["results"]
        assert producer.data.metrics["seconds"] == row.data.metrics[f"seconds/{stage}"]
    before = {stage: entry for stage, entry in locked.items() if stage != "publish"}
    assert lineage["dvc.lock"] == {out["path"]: out["md5"] for entry in before.values() for out in entry["outs"]}
    assert yaml.safe_load(artifact(client, row, "dvc.lock"))["stages"] == before


def test_what_is_needed_to_compare_runs_image_by_image_and_kernel_by_kernel_is_among_the_artifacts(
    finished: Clone,
) -> None:
    client = client_of(finished)
    row = newest_row(finished)
    for path in ("data/predictions.npz", "models/kernels.npz"):
        stored = Path(client.download_artifacts(row.info.run_id, path))
        assert stored.read_bytes() == (finished.folder / path).read_bytes()


def test_metrics_are_grouped_by_their_stage_but_for_the_headlines(finished: Clone) -> None:
    names = set(newest_row(finished).data.metrics)
    # where no image is wrong there is no AUROC
    assert {name for name in names if "/" not in name} | {"misclassification_auroc"} == HEADLINES
    groups = {name.split("/")[0] for name in names - HEADLINES}
    stages = {"prepare", "kernel_demo", "train", "evaluate", "error_analysis", "robustness", "visualise"}
    assert groups == {*stages, "seconds"}


def test_a_training_run_holds_its_settings_curves_data_and_costs(finished: Clone) -> None:
    client = client_of(finished)
    run = stage_runs(client, "train")[-1]
    assert run.info.status == "FINISHED"
    assert {key.split(".")[0] for key in run.data.params} == {"model", "train"}
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_accuracy")] == [1, 2]
    assert run.data.metrics["peak_memory_mb"] > 100
    assert [entry.dataset.name for entry in run.inputs.dataset_inputs] == ["data/prepared"]
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} == {"metrics", "models"}


def test_a_downstream_change_adds_one_complete_run_and_changing_back_adds_none(copy: Clone) -> None:
    copy.run("dvc", "repro", "--single-item", "--force", "publish")
    assert len(complete_rows(copy)) == 1
    before = (copy.folder / "params.yaml").read_text()
    copy.set(error_analysis__seed=5)
    assert copy.repro() == ["evaluate", "error_analysis", "report", "publish"]
    assert len(complete_rows(copy)) == 2
    assert newest_row(copy).info.run_name == "error_analysis.seed=5"
    (copy.folder / "params.yaml").write_text(before)
    copy.repro()
    assert len(complete_rows(copy)) == 2


def test_checking_out_an_older_commit_and_repro_adds_no_run(copy: Clone) -> None:
    copy.run("dvc", "repro", "--single-item", "--force", "publish")
    copy.set(error_analysis__seed=6)
    copy.repro()
    commit(copy, "another seed")
    before = complete_rows(copy)
    copy.run("git", "checkout", "--quiet", "HEAD~1")
    copy.run("dvc", "checkout")
    assert copy.repro() == ["publish"]  # what is published here is asked of the store, not of DVC's cache
    assert complete_rows(copy) == before
    assert copy.repro() == []


def test_a_lost_store_gets_its_run_back(finished: Clone, copy: Clone) -> None:
    (key,) = complete_rows(finished)
    copy.run("python", "-m", "pipeline.publish")
    assert complete_rows(copy) == {key}


def test_three_queued_experiments_two_at_a_time_in_a_new_store_leave_three_complete_runs(copy: Clone) -> None:
    for seed in (11, 12, 13):
        copy.run("dvc", "exp", "run", "--queue", "-S", f"error_analysis.seed={seed}")
    copy.run("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 400
    while "Running" in (status := copy.run("dvc", "queue", "status").stdout) or "Queued" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 3, status
    assert len(complete_rows(copy)) == 3
    assert {row.info.run_name for row in rows(copy)} == {f"error_analysis.seed={seed}" for seed in (11, 12, 13)}
    assert all(row.data.tags["dvc.experiment"] for row in rows(copy))


def test_an_experiment_in_a_temporary_folder_leaves_its_complete_run_in_the_repository(copy: Clone) -> None:
    copy.run("dvc", "exp", "run", "--temp", "-S", "error_analysis.seed=21")
    assert len(complete_rows(copy)) == 1


def test_a_stage_that_raises_ends_failed_with_its_traceback(copy: Clone) -> None:
    module = copy.folder / "pipeline/error_analysis.py"
    module.write_text(module.read_text().replace("as run:\n", "as run:\n        raise RuntimeError('boom')\n"))
    assert "boom" in module.read_text()
    result = copy.run("dvc", "repro", check=False)
    assert result.returncode != 0
    client = client_of(copy)
    (run,) = stage_runs(client, "error_analysis")
    assert run.info.status == "FAILED"
    (artifact,) = client.list_artifacts(run.info.run_id)
    assert "RuntimeError: boom" in Path(client.download_artifacts(run.info.run_id, artifact.path)).read_text()
    waiting = list((copy.folder / ".convscope").glob("*/record.json"))
    assert waiting == []
    assert complete_rows(copy) == set()


def test_a_killed_training_is_closed_as_killed_by_the_next_stage(copy: Clone) -> None:
    copy.set(train__epochs=2000)
    process = subprocess.Popen(
        ["dvc", "repro"], cwd=copy.folder, env=copy.environment(), start_new_session=True, stdout=subprocess.DEVNULL
    )
    wait_for((copy.folder / "mlflow.db").exists)
    client = client_of(copy)
    wait_for(lambda: client.get_experiment_by_name("convscope-stages"))
    wait_for(lambda: [run for run in stage_runs(client, "train") if "val_loss" in run.data.metrics])  # it trains
    assert stage_runs(client, "train")[0].info.status == "RUNNING"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    copy.set(train__epochs=2)
    copy.repro()
    copy.run("python", "-m", "pipeline.publish")
    assert len(complete_rows(copy)) == 1
    assert [run.info.status for run in stage_runs(client, "train")] == ["KILLED"]


def waiting(clone: Clone) -> list[str]:
    """The stages whose runs MLflow does not have yet."""
    return sorted(path.parent.name.split("-")[0] for path in (clone.folder / ".convscope").glob("*/record.json"))


def test_a_stage_without_dvc_logs_itself(copy: Clone) -> None:
    copy.run("python", "-m", "pipeline.kernel_demo")
    assert [run.info.status for run in stage_runs(client_of(copy), "kernel_demo")] == ["FINISHED"]
    assert waiting(copy) == []


API = "from dvc.repo import Repo; Repo().reproduce('evaluate', single_item=True, force=True)"


@pytest.mark.parametrize(
    "command",
    [
        ["dvc", "repro", "--force", "--single-item", "evaluate"],
        ["dvc", "repro", "--force", "--single-item", "dvc.yaml:evaluate"],
        ["dvc", "repro", "--force", "--single-item", "--glob", "evalu*"],
        ["dvc", "exp", "run", "--temp", "--force", "--single-item", "evaluate"],
        ["python", "-c", API],
    ],
    ids=["alone", "with its file", "by a pattern", "in a temporary folder", "by the API"],
)
def test_a_short_stage_under_dvc_leaves_its_run_to_publish_however_dvc_was_called(
    copy: Clone, command: list[str]
) -> None:
    copy.run(*command)
    assert waiting(copy) == ["evaluate"]
    assert not (copy.folder / "mlflow.db").exists()
    copy.run("python", "-m", "pipeline.publish")
    assert waiting(copy) == []
    assert [run.info.status for run in stage_runs(client_of(copy), "evaluate")] == ["FINISHED"]


def test_in_a_whole_repro_publish_logs_the_stages_before_it(copy: Clone) -> None:
    copy.set(error_analysis__seed=31)
    assert copy.repro() == ["evaluate", "error_analysis", "report", "publish"]
    client = client_of(copy)
    runs = {stage: stage_runs(client, stage)[0] for stage in ("error_analysis", "report", "publish")}
    ends = [run.info.end_time for run in runs.values()]
    assert ends == sorted(ends)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert waiting(copy) == []


def test_a_stage_that_does_not_write_what_it_should_ends_failed_in_one_line(copy: Clone) -> None:
    module = copy.folder / "pipeline/error_analysis.py"
    module.write_text(module.read_text().replace("files.write_text(paths.MISCLASSIFIED", "str((paths.MISCLASSIFIED"))
    module.write_text(module.read_text().replace("table.to_csv(index=False))", "table.to_csv(index=False)))"))
    (copy.folder / "metrics/misclassified.csv").unlink()
    result = copy.run("python", "-m", "pipeline.error_analysis", check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "error_analysis: metrics/misclassified.csv: dvc.yaml says that the stage writes it, and it did not"
    ]
    (run,) = stage_runs(client_of(copy), "error_analysis")
    assert run.info.status == "FAILED"


def test_a_server_gets_the_runs_of_short_stages_from_whoever_has_mlflow_loaded(copy: Clone, tmp_path: Path) -> None:
    port = free_port()
    server = serve(tmp_path, port)
    uri = f"http://127.0.0.1:{port}"
    try:
        copy.run("dvc", "repro", "--force", "--single-item", "report", MLFLOW_TRACKING_URI=uri)
        assert waiting(copy) == ["report"]
        assert MlflowClient(uri).get_experiment_by_name("convscope-stages") is None
        shown = copy.run("python", "-m", "pipeline.commands.ui", MLFLOW_TRACKING_URI=uri).stdout
        assert shown.startswith(f"The runs: {uri}/#/experiments/")
        assert waiting(copy) == []
        assert [run.info.status for run in stage_runs(MlflowClient(uri), "report")] == ["FINISHED"]
    finally:
        stop(server)


def test_a_killed_stage_and_one_that_waits_are_logged_by_the_next_that_has_mlflow_loaded(copy: Clone) -> None:
    script = """
import os, signal
from pipeline.config import params
from pipeline.tracking.stage import stage_run
with stage_run("report", params.load()):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert copy.run("python", "-c", script, check=False).returncode == -signal.SIGKILL
    assert not (copy.folder / "mlflow.db").exists()
    copy.run("python", "-m", "pipeline.publish")
    assert [run.info.status for run in stage_runs(client_of(copy), "report")] == ["KILLED"]


EPOCHS = 400  # of a small training set: longer than the ten seconds after which a training is shown live


def test_a_server_that_dies_while_the_network_trains_costs_no_result(copy: Clone, tmp_path: Path) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    server = serve(tmp_path, port)
    copy.set(train__epochs=EPOCHS)
    environment = copy.environment(MLFLOW_TRACKING_URI=uri)
    log = (tmp_path / "repro.log").open("w+")
    repro = subprocess.Popen(["dvc", "repro"], cwd=copy.folder, env=environment, stdout=log, stderr=log)
    try:
        server_client = MlflowClient(uri)
        wait_for(lambda: server_client.get_experiment_by_name("convscope-stages"))
        wait_for(lambda: [run for run in stage_runs(server_client, "train") if "val_loss" in run.data.metrics])
        stop(server)
        assert repro.wait(timeout=300) != 0
        output = (tmp_path / "repro.log").read_text()
        assert "train: this run is not in MLflow: " in output
        assert f"Epoch {EPOCHS}/{EPOCHS}" in output
        assert "Running stage 'evaluate'" in output  # so train ended well, and evaluate found the store out of reach
        assert f"the MLflow store {uri} is out of reach" in output
        server = serve(tmp_path, port)
        resumed = copy.run("dvc", "repro", MLFLOW_TRACKING_URI=uri).stdout
        assert "Running stage 'train'" not in resumed
        assert len(complete_rows(copy, uri)) == 1
        (train,) = stage_runs(MlflowClient(uri), "train")
        assert train.info.status == "FINISHED"
        steps = [point.step for point in MlflowClient(uri).get_metric_history(train.info.run_id, "val_loss")]
        assert steps == list(range(1, EPOCHS + 1))
    finally:
        repro.kill()
        stop(server)
        log.close()
    assert not (copy.folder / "mlflow.db").exists()


def test_an_old_run_is_rebuilt_from_its_tags_and_artifacts_alone(finished: Clone, tmp_path: Path) -> None:
    client = client_of(finished)
    run = newest_row(finished)
    rebuilt = Clone(tmp_path / "rebuilt")
    finished.run("git", "clone", "--quiet", str(finished.folder), str(rebuilt.folder))
    rebuilt.run("git", "checkout", "--quiet", run.data.tags["git.commit"])
    for name in ("params.yaml", "dvc.lock"):
        (rebuilt.folder / name).write_bytes(Path(client.download_artifacts(run.info.run_id, name)).read_bytes())
    assert "publish" in rebuilt.repro()  # although its entry in dvc.lock is up to date
    assert complete_rows(rebuilt) == {run.data.tags["content"]}
    assert rebuilt.lock() == finished.lock()
