"""The columns with which the MLflow UI opens."""

import base64
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from mlflow import MlflowClient

from pipeline.tracking import client as tracking_client
from pipeline.tracking import view


def test_the_view_shows_the_score_and_the_settings_that_differ_and_no_others(client: MlflowClient) -> None:
    home = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
    for settings in ({"model.dropout": "0.0", "train.seed": "1"}, {"model.dropout": "0.5", "train.seed": "1"}, {}):
        run = client.create_run(home).info.run_id
        for key, value in settings.items():
            client.log_param(run, key, value)
    view.save(client, home)
    tag = client.get_experiment(home).tags["mlflow.sharedViewState.convscope"]
    state = json.loads(zlib.decompress(base64.b64decode(tag.removeprefix("deflate;"))))
    assert state["selectedColumns"] == ["params.`model.dropout`", "params.`train.seed`", "metrics.`test_accuracy`"]


@pytest.mark.slow
def test_publishers_that_save_the_view_of_a_new_store_at_the_same_moment_all_go_on(new_server: str) -> None:
    at_once = 8
    together = Barrier(at_once)
    homes = [tracking_client.connect().create_experiment(f"new {turn}") for turn in range(5)]

    def save(_: int) -> None:
        client = MlflowClient(new_server)
        for home in homes:
            together.wait(60)
            view.save(client, home)

    with ThreadPoolExecutor(at_once) as threads:
        assert len(list(threads.map(save, range(at_once)))) == at_once
