"""The part on serving: the published model against bare Keras, each behind MLflow's own server."""

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clones import PEERS, clone
from benchmarks.pairs import PAIRS, ratio, run, spread

SINGLE, MANY = 100, 500  # requests of one image, and images in one request
START_SECONDS = 120


def serving(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Ask the published model and bare Keras for one image after another, and for many at once."""
    folder = clone(scratch / "serving", mnist)
    images = np.load(folder / "data/prepared/test_images.npy")[: max(SINGLE, MANY)]
    bare = scratch / "bare"
    run([sys.executable, str(PEERS / "serve_keras.py"), str(folder / "models/model.keras"), str(bare)], scratch)
    with ExitStack() as servers:
        ports = {
            "ours": servers.enter_context(served("models:/convscope/latest", folder)),
            "keras": servers.enter_context(served(str(bare), folder)),
        }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
        for number in range(PAIRS + 1):  # the first warms up
            for name, port in ports.items():
                costs = asked(port, images)
                print(f"  {number}/{PAIRS} {name}: {costs['milliseconds']:.1f} ms an image", flush=True)
                if number:
                    rounds[name].append(costs)
    figures: dict[str, Any] = {
        name: {key: spread([row[key] for row in rows]) for key in rows[0]} for name, rows in rounds.items()
    }
    for key in ("milliseconds", "images_a_second"):
        ours, keras = ([row[key] for row in rounds[name]] for name in ("ours", "keras"))
        figures["keras"][f"ratio_{key}"] = ratio(keras, ours)
    return figures | {"single": SINGLE, "many": MANY}


def asked(port: int, images: np.ndarray) -> dict[str, float]:
    """Return the median milliseconds of an answer for one image, and the images a second of one for many."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def seconds(body: str) -> float:
        started = time.perf_counter()
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}: {answer[:500]!r}")
        return time.perf_counter() - started

    single = [seconds(json.dumps({"inputs": [image.tolist()]})) for image in images[:SINGLE]]
    many = seconds(json.dumps({"inputs": images[:MANY].tolist()}))
    connection.close()
    return {"milliseconds": 1000 * statistics.median(single), "images_a_second": MANY / many}


def answers(port: int) -> bool:
    """Tell whether something listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def served(model: str, folder: Path) -> Iterator[int]:
    """Serve a model by `mlflow models serve` on a free port, and stop the server after."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(
        ["mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port", str(port)],
        cwd=folder, env=os.environ | quiet | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        started = time.monotonic()
        while not answers(port):
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                raise RuntimeError(f"the server of {model} does not start")
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
