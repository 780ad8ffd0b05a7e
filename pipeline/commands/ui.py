"""Open the MLflow UI on this project's runs, with a table of what one came to see."""

import argparse
import contextlib
import os
import signal
import subprocess
import time
import urllib.request

import psutil

from pipeline.config.errors import UserError
from pipeline.tracking import client as tracking_client
from pipeline.tracking import delivery, ports, store, view

PAUSE = 0.3  # seconds between two looks whether the server answers
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # and where such a server answers on this machine


def serve(host: str, port: int, page: str) -> int:
    """Run the server, of 2 processes rather than MLflow's usual 14; print the table's address once it answers."""
    # the store not as an argument, which all users of the machine see
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": store.uri()}
    command = ["mlflow", "ui", "--workers", "1", "--host", host, "--port", str(port)]
    place = EVERYWHERE.get(host, host)
    address = f"http://[{place}]:{port}" if ":" in place else f"http://{place}:{port}"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with subprocess.Popen(command, env=os.environ | settings) as server:
        try:
            while server.poll() is None:
                with contextlib.suppress(OSError, psutil.Error):
                    urllib.request.urlopen(f"{address}/health", timeout=1).close()
                    if ports.listens(psutil.Process(server.pid), port):  # and not another that was faster
                        print(f"The runs: {address}/{page}", flush=True)
                        break
                time.sleep(PAUSE)
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()  # Ctrl-C has told it as well, a kill of this command has not
            return 0


def main() -> None:
    """Log what waits for the store, save the view, and serve it until Ctrl-C; of a server print the table's address."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.ui", description=__doc__)
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("MLFLOW_PORT", "5000"),
        help="port on this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--host", default=os.environ.get("MLFLOW_HOST", "127.0.0.1"),
        help="address to answer at (default: %(default)s); 127.0.0.1 is this machine alone; 0.0.0.0 opens it to the "
        "network, whose users may then read, change and delete runs. The names and public addresses by which they ask "
        "must stand in the variable MLFLOW_SERVER_ALLOWED_HOSTS",
    )  # fmt: skip
    arguments = parser.parse_args()
    try:
        if not store.is_server():
            ports.bound("ui", arguments.host, arguments.port).close()  # else its page would be taken for ours
        with tracking_client.store_errors():
            client = tracking_client.connect()
            stopped = delivery.flush(client)
            experiment = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
            view.save(client, experiment)
    except UserError as error:
        raise SystemExit(str(error)) from None
    if stopped:
        print(f"ui: some runs wait for the store: {store.first_line(stopped)}")
    page = f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={view.NAME}"
    if store.is_server():
        print(f"The runs: {store.name()}/{page}")
        return
    if arguments.host not in ("127.0.0.1", "::1", "localhost"):
        asked = (
            ""
            if os.environ.get("MLFLOW_SERVER_ALLOWED_HOSTS")
            else ("; asked by a name or a public address it answers 403 unless MLFLOW_SERVER_ALLOWED_HOSTS holds that")
        )
        print(
            f"ui: open at {arguments.host}: whoever reaches this machine may read, change and delete runs{asked}",
            flush=True,
        )
    raise SystemExit(serve(arguments.host, arguments.port, page))


if __name__ == "__main__":
    main()
