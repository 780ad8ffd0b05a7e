"""A port of this machine for a server that shows runs or answers for a model."""

import socket

from pipeline.config.errors import UserError


def bound(command: str, host: str, port: int) -> socket.socket:
    """Return a socket with a port, on which nothing answers before a server does.

    Raises UserError, which tells how the make target `command` takes another, when another process has the port.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of a server that ended a moment ago
    try:
        place.bind((host, port))
    except (OSError, OverflowError) as error:
        place.close()
        advice = f"name another: make {command} PORT={port + 1}"
        raise UserError(f"{command}: port {port} of {host} cannot be had: {error}; {advice}") from None
    return place
