"""Processes and ports of this machine."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def wait_for(condition: Callable[[], object], seconds: float = 200, pause: float = 0.2) -> None:
    """Return once a condition holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(pause)


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether something listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a real MLflow server and wait until it answers."""
    process = subprocess.Popen(
        ["mlflow", "server", "--port", str(port), "--workers", "1", "--backend-store-uri", "sqlite:///server.db",
         "--artifacts-destination", "server-artifacts"],
        cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    wait_for(lambda: answers(port))
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session, and all it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
