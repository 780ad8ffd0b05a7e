"""The served model, asked as a user would."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from support import registered
from support.clones import PROJECT
from support.processes import answers, free_port, stop, wait_for

from pipeline.commands import serve
from pipeline.config.errors import UserError
from pipeline.data import prepared
from pipeline.tracking import ports, registry

COMMAND = [sys.executable, "-m", "pipeline.commands.serve"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a champion that gets nine of ten digits right, and a newer version that gets three of them."""
    folder = registered.project(tmp_path_factory.mktemp("serve"))
    with pytest.MonkeyPatch.context() as patch:
        client = registered.connect(folder, folder / "copy", patch)
        version = registry.register(client, registered.publish(client, 0.9))
        registry.register(client, registered.publish(client, 0.3))
        client.set_registered_model_alias(registry.NAME, registry.CHAMPION, version.version)
        yield folder / "copy"


def start(project: Path, port: int) -> subprocess.Popen[str]:
    """Start the command, in a session of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return subprocess.Popen(
        [*COMMAND, "--port", str(port)], cwd=project, env=environment | {"PYTHONPATH": str(PROJECT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[tuple[int, str]]:
    """The port of a server that answers, and what it said first."""
    port = free_port()
    process = start(project, port)
    assert process.stdout
    said = [process.stdout.readline(), process.stdout.readline()]
    assert answers(port), "it says so before it answers"
    yield port, "".join(said)
    stop(process)
    process.communicate()


def ask(port: int, images: Any, key: str = "inputs") -> tuple[int, Any]:
    """The status and the answer of a server."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", json.dumps({key: images}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["message"]


@pytest.mark.slow
def test_the_printed_line_gets_the_answer_of_the_champion(server: tuple[int, str], tmp_path: Path) -> None:
    _, said = server
    told, line = said.splitlines()
    assert told.startswith("serve: version 1 of convscope, champion, of run ")
    result = subprocess.run(shlex.split(line), cwd=tmp_path, capture_output=True, text=True, check=True)
    (answer,) = json.loads(result.stdout)["predictions"]
    truth = registered.CLASSES[prepared.load("test").labels[0]]
    assert answer["label"] == truth
    assert answer["probability"] == answer["probabilities"][truth] == max(answer["probabilities"].values())
    assert list(answer["probabilities"]) == registered.CLASSES


@pytest.mark.slow
@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_many_images_and_one_alone_are_answered(key: str, server: tuple[int, str]) -> None:
    port, _ = server
    images, labels = prepared.load("test").images[:20], prepared.load("test").labels[:20]
    status, found = ask(port, images.tolist(), key)
    assert status == 200
    names = [registered.CLASSES[label] for label in labels]
    assert np.mean([answer["label"] == name for answer, name in zip(found, names, strict=True)]) == 0.9
    assert ask(port, images[3].astype(float).tolist(), key) == (200, [found[3]])


@pytest.mark.slow
@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_what_is_no_raw_pixels_is_answered_with_status_400_and_what_was_found(
    key: str, server: tuple[int, str]
) -> None:
    port, _ = server
    images = prepared.load("test").images[:2]
    for sent, found in (
        ((images / 255).tolist(), "found fractions, the highest value"),
        ((images.astype(int) * 2).tolist(), "found values from 0 to"),
        (images[:, :7].tolist(), "found the shape (2, 7, 28)"),
        ([[["seven"]]], "found something else than numbers"),
        ([[1, 2], [3]], "found images of different shapes"),
    ):
        status, message = ask(port, sent, key)
        assert status == 400
        assert found in message
    assert ask(port, images.tolist(), key)[0] == 200


@pytest.mark.slow
def test_control_c_ends_it_and_every_process_of_it(project: Path) -> None:
    process = start(project, port := free_port())
    assert process.stdout
    process.stdout.readline()
    started = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.splitlines()[-1] == "serve: ended"
    assert "Traceback" not in errors
    wait_for(lambda: not any(one.is_running() for one in started), 10)
    assert not answers(port)


def test_a_taken_port_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["serve", "--port", str(port)])
        with pytest.raises(SystemExit) as refused:
            serve.main()
    assert str(refused.value).startswith(f"serve: port {port} of 127.0.0.1 cannot be had: ")
    assert str(refused.value).endswith(f"; name another: make serve PORT={port + 1}")
    assert len(str(refused.value).splitlines()) == 1


def test_a_port_that_is_none_is_told_as_well() -> None:
    with pytest.raises(UserError, match=r"serve: port 70000 of 127\.0\.0\.1 cannot be had"):
        ports.bound("serve", "127.0.0.1", 70000)


def test_without_a_champion_the_newest_is_served_and_without_a_model_one_line_says_so(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = registered.connect(project, tmp_path_factory.mktemp("newest"), monkeypatch)
    client.delete_registered_model_alias(registry.NAME, registry.CHAMPION)
    model, name = serve.load()
    assert name.startswith("version 2 of convscope, the newest one, as there is no champion, of run ")
    assert model.predict(prepared.load("test").images).shape == (50, 3)
    for description in Path("mlartifacts").rglob("MLmodel"):
        older = re.sub("loader_module: .*", "loader_module: mlflow.tensorflow\n    data: data", description.read_text())
        description.write_text(re.sub("    config:\n(      .*\n)+", "", older))
    with pytest.raises(UserError, match="serve: version 2 was published before models looked at their pixels"):
        serve.load()
    for version in (1, 2):
        client.delete_model_version(registry.NAME, version)
    with pytest.raises(UserError) as refused:
        serve.load()
    assert str(refused.value) == "serve: no model is registered; `make` trains and publishes one"
