"""Open the MLflow UI on this project's runs, with a table of what one came to see."""

import argparse
import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.request
import zlib

from mlflow import MlflowClient

from pipeline.config.errors import UserError
from pipeline.tracking import client as tracking_client
from pipeline.tracking import delivery, ports, store

VIEW = "convscope"
PAUSE = 0.3  # seconds between two looks whether the server answers
METRICS = ["test_accuracy"]  # MLflow puts metrics before settings, and with more of them these are out of sight


def columns(client: MlflowClient, experiment: str) -> list[str]:
    """Return the table's columns: the score, and the settings in which the runs differ."""
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


def serve(host: str, port: int, page: str) -> int:
    """Run the server, of 2 processes rather than MLflow's usual 14; print the table's address once it answers."""
    # the store not as an argument, which all users of the machine see
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": store.uri()}
    command = ["mlflow", "ui", "--workers", "1", "--host", host, "--port", str(port)]
    place = "127.0.0.1" if host == "0.0.0.0" else host  # where it answers on this machine
    with subprocess.Popen(command, env=os.environ | settings) as server:
        try:
            while server.poll() is None:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://{place}:{port}/health", timeout=1).close()
                    break
                time.sleep(PAUSE)
            if server.poll() is None:
                print(f"The runs: http://{place}:{port}/{page}", flush=True)
            return server.wait()
        except KeyboardInterrupt:
            return 0  # the server has been told as well


def main() -> None:
    """Log what waits for the store, save the view, and serve it until Ctrl-C; of a server print the table's address."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.ui", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="port on this machine (default: %(default)s)")
    parser.add_argument(
        "--host", default="127.0.0.1",
        help="address to answer at (default: %(default)s, this machine alone); 0.0.0.0 opens it to the network, whose "
        "users may then read, change and delete runs. Names other than localhost must stand in the variable "
        "MLFLOW_SERVER_ALLOWED_HOSTS",
    )  # fmt: skip
    arguments = parser.parse_args()
    try:
        if not store.is_server():
            ports.bound("ui", arguments.host, arguments.port).close()  # else its page would be taken for ours
        with tracking_client.store_errors():
            client = tracking_client.connect()
            stopped = delivery.flush(client)
            experiment = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
            save_view(client, experiment)
    except UserError as error:
        raise SystemExit(str(error)) from None
    if stopped:
        print(f"ui: some runs wait for the store: {store.first_line(stopped)}")
    page = f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"
    if store.is_server():
        print(f"The runs: {store.name()}/{page}")
        return
    if arguments.host not in ("127.0.0.1", "localhost"):
        print(
            f"ui: open at {arguments.host}: whoever reaches this machine may read, change and delete runs", flush=True
        )
    raise SystemExit(serve(arguments.host, arguments.port, page))


if __name__ == "__main__":
    main()
