"""Processes and ports of this machine."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable


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


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session, and all it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
