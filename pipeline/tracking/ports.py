"""A port of this machine for a server that shows runs or answers for a model."""

import errno
import socket

import psutil

from pipeline.config.errors import UserError


def bound(command: str, host: str, port: int) -> socket.socket:
    """Return a socket with a port, on which nothing answers before a server does.

    Raises UserError, which tells how the make target `command` takes another, when another process has the port, and
    when no such address is this machine's.
    """
    place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of a server that ended a moment ago
    try:
        place.bind((host, port))
    except (OSError, OverflowError) as error:
        place.close()
        is_foreign = isinstance(error, socket.gaierror) or getattr(error, "errno", 0) == errno.EADDRNOTAVAIL
        advice = (
            "HOST must be an address of this machine"
            if is_foreign
            else f"name another: make {command} PORT={port % 65535 + 1}"
        )
        raise UserError(f"{command}: port {port} of {host} cannot be had: {error}; {advice}") from None
    return place


def listens(process: psutil.Process, port: int) -> bool:
    """Tell whether a process, or one that it started, is the one that answers at a port."""
    connections = [one for member in (process, *process.children(recursive=True)) for one in member.net_connections()]
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)
