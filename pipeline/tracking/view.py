"""The table with which the MLflow UI opens: a shared view of the experiment, kept in a tag of it."""

import base64
import json
import zlib

from mlflow import MlflowClient

from pipeline.tracking import client as tracking_client

NAME = "convscope"
METRICS = ["test_accuracy"]  # MLflow puts metrics before settings, and with more of them these are out of sight


def columns(client: MlflowClient, experiment: str) -> list[str]:
    """Return the table's columns: the score, and the settings in which the runs differ."""
    runs = client.search_runs([experiment])
    settings = sorted({key for run in runs for key in run.data.params})
    differing = [key for key in settings if len({run.data.params.get(key) for run in runs}) > 1]
    return [f"params.`{key}`" for key in differing] + [f"metrics.`{name}`" for name in METRICS]


def save(client: MlflowClient, experiment: str) -> None:
    """Save those columns as a shared view of the experiment, as the UI's own "Share" button does.

    MLflow's table opens without a single metric; a tag of the experiment, its JSON deflated, holds a view.
    """
    state = {
        "selectedColumns": columns(client, experiment),
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "runsHiddenMode": "FIRST_10_RUNS",
    }
    text = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    tag = f"mlflow.sharedViewState.{NAME}"
    tracking_client.retried(lambda: client.set_experiment_tag(experiment, tag, f"deflate;{text}"))
