"""Open the MLflow UI on this project's runs, with a table of what one came to see."""

import argparse
import base64
import json
import os
import zlib

from mlflow import MlflowClient

from pipeline.config.errors import UserError
from pipeline.tracking import client as tracking_client
from pipeline.tracking import store

VIEW = "convscope"
METRICS = ["test_accuracy", "test_loss", "val_accuracy", "val_loss", "accuracy", "loss", "misclassification_auroc"]


def columns(client: MlflowClient, experiment: str) -> list[str]:
    """Return the table's columns: the headline metrics, and the settings in which the runs differ."""
    runs = client.search_runs([experiment])
    settings = sorted({key for run in runs for key in run.data.params})
    differing = [key for key in settings if len({run.data.params.get(key) for run in runs}) > 1]
    return [f"params.`{key}`" for key in differing] + [f"metrics.`{name}`" for name in METRICS]


def save_view(client: MlflowClient, experiment: str) -> None:
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
    client.set_experiment_tag(experiment, f"mlflow.sharedViewState.{VIEW}", f"deflate;{text}")


def main() -> None:
    """Print the table's address and become the server, of 2 processes rather than MLflow's usual 14."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.ui", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="port on this machine (default: %(default)s)")
    port = parser.parse_args().port
    try:
        with tracking_client.store_errors():
            client = tracking_client.connect()
            stopped = tracking_client.flush(client)
            experiment = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
            save_view(client, experiment)
    except UserError as error:
        raise SystemExit(str(error)) from None
    if stopped:
        print(f"ui: some runs wait for the store: {store.first_line(stopped)}")
    remote = store.name() if store.is_server() else None
    page = f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"
    print(f"The runs: {remote or f'http://127.0.0.1:{port}'}/{page}", flush=True)
    if remote is None:
        os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        os.environ["MLFLOW_BACKEND_STORE_URI"] = store.uri()  # not as an argument, which all users of the machine see
        os.execvp("mlflow", ["mlflow", "ui", "--workers", "1", "--port", str(port)])


if __name__ == "__main__":
    main()
