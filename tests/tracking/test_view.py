"""The columns with which the MLflow UI opens."""

import base64
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from mlflow import MlflowClient
from support.processes import free_port, serve, stop

from pipeline.tracking import client as tracking_client
from pipeline.tracking import store, view


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
def test_publishers_that_save_the_view_of_a_new_store_at_the_same_moment_all_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    server = serve(tmp_path, port)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    at_once = 8
    together = Barrier(at_once)
    try:
        homes = [tracking_client.connect().create_experiment(f"new {turn}") for turn in range(5)]

        def save(_: int) -> None:
            client = tracking_client.MlflowClient(store.uri())
            for home in homes:
                together.wait(60)
                view.save(client, home)

        with ThreadPoolExecutor(at_once) as threads:
            assert len(list(threads.map(save, range(at_once)))) == at_once
    finally:
        stop(server)
