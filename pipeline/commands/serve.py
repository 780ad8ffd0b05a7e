"""Serve the chosen model over HTTP, `champion` or else the newest one, and show how to ask it."""

import argparse
import contextlib
import os
import shlex
import socket

import mlflow
import uvicorn
from mlflow.pyfunc import PyFuncModel, scoring_server

from pipeline.config.errors import UserError
from pipeline.config.repository import root
from pipeline.data import files
from pipeline.network import backend  # noqa: F401 # before the model loads Keras, so that it is quiet
from pipeline.tracking import client as tracking_client
from pipeline.tracking import ports, registry

HOST = "127.0.0.1"


class Announced(uvicorn.Server):
    """A server that says something once it answers."""

    announcement = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say it."""
        await super().startup(sockets)
        print(self.announcement, flush=True)


def load() -> tuple[PyFuncModel, str]:
    """Return the model that is served, and what it is.

    Raises UserError where none is registered, and for one that takes any pixels, as those of older runs do.
    """
    with tracking_client.store_errors():
        client = tracking_client.connect()
        champion = registry.aliased(client, registry.CHAMPION)
        version = champion or registry.aliased(client, registry.LATEST)
        if version is None:
            raise UserError("serve: no model is registered; `make` trains and publishes one")
        model = mlflow.pyfunc.load_model(f"models:/{registry.NAME}/{version.version}")
    if model.metadata.flavors["python_function"]["loader_module"] == "mlflow.tensorflow":
        raise UserError(
            f"serve: version {version.version} was published before models looked at their pixels; bring the files of "
            f"run {version.run_id} back (`dvc exp apply`, or `git checkout` and `dvc checkout`), then "
            "`python -m pipeline.publish`"
        )
    name = registry.CHAMPION if champion else f"the newest one, as there is no {registry.CHAMPION}"
    return model, f"version {version.version} of {registry.NAME}, {name}, of run {version.run_id}"


def main() -> None:
    """Load the model and serve it until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=5001, help="port on this machine (default: %(default)s)")
    port = parser.parse_args().port
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        place = ports.bound("serve", HOST, port)
        model, name = load()
    except UserError as error:
        raise SystemExit(str(error)) from None
    digit = root() / ".convscope/digit.json"
    files.write_json(digit, {"inputs": model.input_example.tolist()})
    address = f"http://{HOST}:{port}/invocations"
    request = ["curl", address, "-H", "Content-Type: application/json", "-d", f"@{digit}"]
    server = Announced(uvicorn.Config(scoring_server.init(model), log_level="warning"))
    server.announcement = f"serve: {name}. Ask it, Ctrl-C ends it:\n  {shlex.join(request)}"
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes it on, or not
        server.run(sockets=[place])
    print("serve: ended")


if __name__ == "__main__":
    main()
