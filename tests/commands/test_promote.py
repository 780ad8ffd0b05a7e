"""Who becomes champion, and who does not."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support import registered

from pipeline.commands import promote
from pipeline.config import paths
from pipeline.data import files
from pipeline.tracking import registry

Command = Callable[..., str]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, which returns what it prints, a refusal last."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["promote", *arguments])
        capsys.readouterr()
        try:
            promote.main()
        except SystemExit as refused:
            return capsys.readouterr().out + str(refused)
        return capsys.readouterr().out.strip()

    return run


def champion(client: MlflowClient) -> str | None:
    """The run of the champion."""
    version = registry.aliased(client, registry.CHAMPION)
    return version.run_id if version else None


def published(client: MlflowClient, right: float, **prepare: object) -> Run:
    return registered.publish(client, right, registered.settings(**prepare))


def test_the_first_is_champion_the_better_one_follows_the_worse_one_does_not_but_by_force(
    client: MlflowClient, command: Command
) -> None:
    good, better, worse = (published(client, right) for right in (0.6, 0.9, 0.3))
    assert command(good.info.run_id) == f"promote: version 1 is the champion now, of run {good.info.run_id}"
    compared, tested, told = command(better.info.run_id).splitlines()
    assert compared.startswith(
        "promote: of 60 validation images version 2 gets 90.00 % right, the champion, version 1, "
    )
    assert tested == "  of the test images, which choose nothing, 90.00 % and 60.00 %: +30.00 points"
    assert told.endswith(f"of run {better.info.run_id}; before it was version 1, of run {good.info.run_id}")
    assert champion(client) == better.info.run_id
    refused = command(worse.info.run_id).splitlines()[-1]
    assert refused == (
        "promote: version 3 is worse than the champion, and is not promoted; FORCE=1 promotes it all the same"
    )
    assert champion(client) == better.info.run_id
    assert command(good.info.run_id, "--force").startswith("promote: version 1 is the champion now")
    assert champion(client) == good.info.run_id
    assert command(good.info.run_id) == "promote: version 1 is the champion already"


def test_one_that_is_as_good_is_not_worse_and_latest_is_the_newest(client: MlflowClient, command: Command) -> None:
    first = published(client, 0.6)
    command(first.info.run_id)
    second = registered.publish(client, 0.6, content="the same network of another seed")
    registry.register(client, second)
    assert "+0.00 points [-3.16, +3.16]" in command("latest")
    assert champion(client) == second.info.run_id


def test_images_on_which_one_of_them_has_trained_do_not_count(client: MlflowClient, command: Command) -> None:
    command(published(client, 0.6).info.run_id)
    larger = published(client, 0.9, train_size=140)  # 40 of the 60 that validate here
    assert "of 20 validation images" in command(larger.info.run_id)
    all_of_them = registered.publish(client, 0.9, registered.settings(train_size=200), content="all")
    said = command(all_of_them.info.run_id)
    assert "one of the two has trained on every validation image of params.yaml" in said
    assert champion(client) == larger.info.run_id


def test_images_that_another_seed_drew_for_training_do_not_count(client: MlflowClient, command: Command) -> None:
    command(published(client, 0.6).info.run_id)
    said = command(published(client, 0.9, seed=1).info.run_id)
    count = int(said.split("of ")[1].split()[0])
    assert 20 < count < 60  # a third of them is drawn


def run_id(client: MlflowClient) -> str:
    return published(client, 0.9).info.run_id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda: Path("params.yaml").write_text(registered.settings(validation="test")),
            "promote: prepare.validation is test, and the test set chooses nothing; set holdout, or FORCE=1",
        ),
        (
            lambda: Path("params.yaml").write_text(registered.settings(train_size=105)),
            "promote: data/prepared is not what params.yaml says; `dvc repro prepare` makes it",
        ),
        (
            lambda: (paths.RAW / "train-labels-idx1-ubyte").unlink(),
            "promote: data/raw/train-labels-idx1-ubyte is missing; `dvc repro prepare` makes it",
        ),
        (
            lambda: Path("params.yaml").write_text(registered.settings().replace("mnist", "fashion_mnist")),
            ": fetch.dataset: found mnist, and here fashion_mnist; FORCE=1 promotes it all the same",
        ),
        (
            lambda: files.write_array(paths.PREPARED / "validation_images.npy", np.zeros((60, 8, 8), np.uint8)),
            "promote: version 2 is of other images than data/prepared; FORCE=1 promotes it all the same",
        ),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line_and_changes_nothing(
    change: Callable[[], object], message: str, client: MlflowClient, command: Command
) -> None:
    first = published(client, 0.6)
    command(first.info.run_id)
    second = published(client, 0.9)
    change()
    (line,) = command(second.info.run_id).splitlines()
    assert message in line
    assert champion(client) == first.info.run_id
    assert "is the champion now" in command(second.info.run_id, "--force")


@pytest.mark.parametrize("name", ["nonsense", "0" * 32, "a'b"])
def test_what_is_no_run_is_told_in_one_line(name: str, client: MlflowClient, command: Command) -> None:
    assert command("latest") == "promote: no model is registered; `make` trains and publishes one"
    assert command(name) == (
        f"promote: RUN: found {name}; allowed are the id of a run in the table convscope of `make ui`, and latest"
    )


def test_a_run_of_a_stage_and_an_unfinished_one_are_no_candidates(client: MlflowClient, command: Command) -> None:
    for name, status in (("convscope-stages", "FINISHED"), ("convscope", "RUNNING")):
        home = client.get_experiment_by_name(name).experiment_id
        run = client.create_run(home)
        if status == "FINISHED":
            client.set_terminated(run.info.run_id)
        assert command(run.info.run_id).startswith("promote: RUN: found ")
