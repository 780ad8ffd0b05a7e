"""One run a trial: what it holds, whatever it is called, who else logs it, and where a publisher was killed."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support.clones import PROJECT
from support.trials import trial

from pipeline.tracking import trial_runs
from pipeline.tracking.studies import TrackedTrial

OURS, THEIRS = "ours", "theirs"  # two projects that publish to one store


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's database in which nothing is: it takes seconds to make."""
    database = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture
def client(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", OURS)
    for project in (OURS, THEIRS):
        Path(project).mkdir()
    shutil.copyfile(empty, "mlflow.db")
    return MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def runs(client: MlflowClient, condition: str = "") -> list[Run]:
    """The trials that MLflow's own search finds."""
    return client.search_runs([client.get_experiment_by_name("convscope-trials").experiment_id], condition)


def names(found: list[Run]) -> list[str]:
    return sorted(run.info.run_name for run in found)


def check(client: MlflowClient, *trials: TrackedTrial) -> None:
    """Make sure that there is one ended run of each trial, and no other."""
    assert sorted(run.data.tags["content"] for run in runs(client)) == sorted({trial.key for trial in trials})
    assert {run.info.status for run in runs(client)} <= {"FINISHED", "FAILED"}


def test_a_trials_run_holds_its_settings_curves_scores_and_seconds(client: MlflowClient) -> None:
    assert trial_runs.log_trials(client, [trial("dropout off", seed=3)]) == 1
    (run,) = runs(client)
    assert (run.info.run_name, run.info.status) == ("dropout off, seed 3", "FINISHED")
    assert run.data.params == {
        **{"model.dropout": "0.25", "model.filters": "[32]", "train.early_stopping": "null", "train.seed": "3"}
    }
    tags = {key: run.data.tags[key] for key in ("study", "variant", "seed", "variant.dropout")}
    assert tags == {"study": "dropout", "variant": "dropout off", "seed": "3", "variant.dropout": "dropout off"}
    history = client.get_metric_history(run.info.run_id, "val_loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.3), (2, 0.4)]
    assert run.data.metrics["seconds"] == 3.5
    assert run.info.end_time - run.info.start_time == 3500
    assert "misclassification_auroc" not in run.data.metrics


def test_a_curve_ends_with_the_kept_networks_score_and_has_no_second_point_where_that_is_the_last_epochs(
    client: MlflowClient,
) -> None:
    made = trial()
    trial_runs.log_trials(client, [made])
    (run,) = runs(client)
    for name, points in {"val_accuracy": 3, "loss": 2}.items():
        assert run.data.metrics[name] == made.scores[name]
        assert len(client.get_metric_history(run.info.run_id, name)) == points


def test_a_trial_that_mlflow_has_is_not_logged_again(client: MlflowClient) -> None:
    trials = [trial(seed=seed) for seed in range(3)]
    assert trial_runs.log_trials(client, trials[:2]) == 2
    before = names(runs(client))
    assert trial_runs.log_trials(client, trials) == 1
    assert trial_runs.log_trials(client, trials) == 0
    assert names(runs(client)) == [*before, "baseline, seed 2"]


def test_a_failed_trial_is_a_failed_run_with_its_reason_until_it_ends_well(client: MlflowClient) -> None:
    nothing = pd.DataFrame(columns=["epoch", "loss", "accuracy", "val_loss", "val_accuracy"])
    diverged = trial().history.assign(loss=[0.5, float("nan")])
    no_scores = dict.fromkeys(trial().scores)
    failed = [
        trial(seed=0, failed="out of memory", history=nothing, scores=no_scores),
        trial(seed=1, failed="the loss is NaN after epoch 2", history=diverged, scores=no_scores),
    ]
    assert trial_runs.log_trials(client, failed) == 2
    found = runs(client, "attributes.status = 'FAILED' and tags.failed LIKE '%NaN%'")
    assert names(found) == ["baseline, seed 1"]
    assert trial_runs.log_trials(client, failed) == 0
    well = [trial(seed=0), trial(seed=1)]
    assert trial_runs.log_trials(client, well) == 2
    assert trial_runs.log_trials(client, failed) == 0
    check(client, *well)
    assert {run.info.status for run in runs(client)} == {"FINISHED"}


def test_the_averages_in_mlflows_table_are_those_of_the_trials(client: MlflowClient) -> None:
    trials = [trial(variant, seed) for variant in ("baseline", "dropout off") for seed in range(4)]
    trials[5] = replace(trials[5], failed="out of memory", scores=dict.fromkeys(trials[5].scores))
    # another study has other names and more seeds for the same baseline
    other = [trial("6 epochs", seed, "epochs", content="baseline") for seed in range(6)]
    trial_runs.log_trials(client, [*other, *trials])
    check(client, *other, *trials)
    found = runs(client, "tags.`variant.dropout` LIKE '%' and attributes.status = 'FINISHED'")
    table = pd.DataFrame([{"variant": run.data.tags["variant.dropout"], **run.data.metrics} for run in found])
    expected = pd.DataFrame([{"variant": trial.variant, **trial.scores} for trial in trials])
    measures = ["test_accuracy", "loss", "val_accuracy"]
    pd.testing.assert_frame_equal(
        table.groupby("variant")[measures].mean(),
        expected.groupby("variant")[measures].agg(lambda scores: scores.astype(float).mean()),
        check_dtype=False,
    )


def test_a_trial_of_several_studies_is_one_run_that_names_them_all(client: MlflowClient) -> None:
    trial_runs.log_trials(client, [trial(study="dropout")])
    trial_runs.log_trials(client, [trial("6 epochs", study="article's (2017)", content="baseline")])
    trial_runs.log_trials(client, [trial(study="depth")])
    (run,) = runs(client)
    assert run.data.tags["study"] == "article_s _2017_, depth, dropout"
    assert run.data.tags["variant"] == "6 epochs, baseline"
    for study in ("dropout", "depth"):
        assert len(runs(client, f"tags.study LIKE '%{study}%'")) == 1
        assert len(runs(client, f"tags.`variant.{study}` = 'baseline'")) == 1


def test_variants_of_any_name_keep_it(client: MlflowClient) -> None:
    odd = ["L1 (LASSO)", "a/b", "..", "größer = besser?", "'quoted'", "100 %", " "]
    trial_runs.log_trials(client, [trial(name) for name in odd])
    assert sorted(run.data.tags["variant"] for run in runs(client)) == sorted(odd)


def test_a_trial_that_left_a_study_loses_its_tags_and_stays_one_of_the_others(client: MlflowClient) -> None:
    old, shared = trial("dropout off"), trial("baseline")
    trial_runs.log_trials(client, [old, shared])
    trial_runs.log_trials(client, [trial("baseline", study="depth")])
    trial_runs.log_trials(client, [trial("dropout off", content="another code"), trial("baseline", content="another")])
    assert names(runs(client, "tags.`variant.dropout` LIKE '%'")) == ["baseline, seed 0", "dropout off, seed 0"]
    left, still = (runs(client, f"tags.content = '{key}'")[0].data.tags for key in (old.key, shared.key))
    assert not {"study", "variant", "variant.dropout"} & left.keys()
    assert (still["study"], still["variant"]) == ("depth", "baseline")


def test_what_another_project_logged_keeps_its_tags(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", THEIRS)
    trial_runs.log_trials(client, [trial(content="their code")])
    monkeypatch.setenv("DVC_ROOT", OURS)
    trial_runs.log_trials(client, [trial()])
    assert len(runs(client, "tags.`variant.dropout` = 'baseline'")) == 2


@pytest.mark.parametrize("call", ["search_runs", "create_run", "log_batch", "set_terminated"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_two_publishers_leave_one_run_a_trial_with_the_tags_of_both_wherever_the_second_comes_in(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, call: str, moment: str
) -> None:
    ours = [trial(seed=seed) for seed in range(2)]
    theirs = [trial("6 epochs", seed, "epochs", content="baseline") for seed in (1, 0)]
    called: Callable[..., object] = getattr(MlflowClient, call)
    turns = iter(())

    def interrupted(*arguments: object, **options: object) -> object:
        if not next(turns, False):
            return called(*arguments, **options)
        result = called(*arguments, **options) if moment == "after" else None
        with monkeypatch.context() as other:
            other.setenv("DVC_ROOT", THEIRS)
            trial_runs.log_trials(client, theirs)
        return result if moment == "after" else called(*arguments, **options)

    monkeypatch.setattr(MlflowClient, call, interrupted)
    for turn in itertools.count():
        turns = iter([*[False] * turn, True])
        trial_runs.log_trials(client, ours)
        if next(turns, False):  # all turns of the call were tried
            break
        found = runs(client)
        assert sorted(run.data.tags["content"] for run in found) == sorted(trial.key for trial in ours), turn
        assert {run.data.tags["study"] for run in found} == {"dropout, epochs"}, turn
        assert {(run.info.status, run.data.tags["variant"]) for run in found} == {("FINISHED", "6 epochs, baseline")}
        for run in found:
            client.delete_run(run.info.run_id)
    assert turn >= 2


LOG = """
import os, signal, sys
from pipeline.tracking import client as tracking_client
from mlflow import MlflowClient
from pipeline.tracking import trial_runs
from support.trials import trial
call, turn = sys.argv[1], int(sys.argv[2])
called = getattr(MlflowClient, call)
def killed(*arguments, **options):
    global turn
    turn -= 1
    if not turn:
        os.kill(os.getpid(), signal.SIGKILL)
    return called(*arguments, **options)
setattr(MlflowClient, call, killed)
trial_runs.log_trials(MlflowClient("sqlite:///mlflow.db"), [trial(seed=seed) for seed in range(4)])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "turn"),
    [("create_experiment", 1), ("create_run", 1), ("create_run", 3), ("log_batch", 3), ("set_terminated", 4)],
)
def test_the_next_call_completes_what_a_killed_one_left(client: MlflowClient, call: str, turn: int) -> None:
    environment = os.environ | {"PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}"}
    killed = subprocess.run([sys.executable, "-c", LOG, call, str(turn)], env=environment)
    assert killed.returncode == -signal.SIGKILL
    trials = [trial(seed=seed) for seed in range(4)]
    trial_runs.log_trials(client, trials)
    check(client, *trials)
    assert all(len(client.get_metric_history(run.info.run_id, "loss")) == 2 for run in runs(client))
