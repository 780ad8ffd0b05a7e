"""A server that is there, lets us in and can keep a run: told apart from one that does not, by stubs."""

import base64
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.clones import PROJECT, SETTINGS

from pipeline.config.errors import UserError
from pipeline.tracking import client as tracking_client
from pipeline.tracking import server
from pipeline.tracking.stage import stage_run

EXPERIMENT = "/api/2.0/mlflow/experiments/get-by-name"
DEFAULT = "/api/2.0/mlflow/experiments/get"
MODELS = "/api/2.0/mlflow/logged-models/none"
MISSING = (404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such thing"}))
Answers = dict[str, tuple[int, str]]


def located(place: str) -> tuple[int, str]:
    """The answer about an experiment whose artifacts are in a place."""
    return 200, json.dumps({"experiment": {"experiment_id": "0", "artifact_location": place}})


PROXIED = located("mlflow-artifacts:/1")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """Start a stub of a server and let it be the store; return a list that its requests' credentials come to."""
    stubs = []
    for key in [key for key in os.environ if key.startswith("MLFLOW_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))

    def start_one(answers: Answers, user: str = "", wrapped: ssl.SSLContext | None = None) -> list[str]:
        seen = []

        class Stub(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.headers.get("Authorization", ""))
                status, text = answers.get(self.path.partition("?")[0], answers.get("", (404, "<title>404</title>")))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        stub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
        if wrapped:
            stub.socket = wrapped.wrap_socket(stub.socket, server_side=True)
        stubs.append(stub)
        threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http{'s' * bool(wrapped)}://{user}127.0.0.1:{stub.server_port}/")
        return seen

    yield start_one
    for stub in stubs:
        stub.shutdown()
        stub.server_close()


def refusal() -> str:
    """What is said of the present store."""
    with pytest.raises(UserError) as told:
        server.check()
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    "answers",
    [
        {EXPERIMENT: PROXIED, "/version": (200, "3.17.2")},
        {EXPERIMENT: PROXIED, "/version": (200, "4.0.0.dev0\n")},
        {EXPERIMENT: PROXIED, MODELS: MISSING},  # a proxy lets only the API through
        {EXPERIMENT: PROXIED, "/version": (200, "<html>"), MODELS: (403, "{}")},
        {EXPERIMENT: MISSING, DEFAULT: located("mlflow-artifacts:/0"), "/version": (200, "3.0.0")},
        {EXPERIMENT: MISSING, DEFAULT: (403, "no"), "/version": (200, "3.0.0")},
    ],
)
def test_a_server_that_can_keep_a_run_is_taken(start: Callable[..., list[str]], answers: Answers) -> None:
    start(answers)
    server.check()


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_says_it_is_broken_is_not_to_be_started(start: Callable[..., list[str]], status: int) -> None:
    start({"": (status, "Oops")})
    assert refusal().endswith(
        f"HTTP Error {status}: {http.HTTPStatus(status).phrase}; "
        "it runs, and its own log says why; or unset MLFLOW_TRACKING_URI to use mlflow.db"
    )


@pytest.mark.parametrize("answer", [(200, "<html>Please log in</html>"), (404, "<title>404</title>"), (200, "[]")])
def test_what_is_no_mlflow_server_is_told_as_such(start: Callable[..., list[str]], answer: tuple[int, str]) -> None:
    start({"": answer})
    assert (
        f"what answers there (HTTP status {answer[0]}) is no MLflow server; see that MLFLOW_TRACKING_URI" in refusal()
    )


@pytest.mark.parametrize("status", [401, 403])
def test_missing_and_wrong_credentials_are_told_with_their_variables_and_without_their_values(
    start: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    seen = start({"": (status, "You are not authenticated.")})
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    messages = [refusal()]
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    messages.append(refusal())
    for message in messages:
        assert f"HTTP Error {status}; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or" in message
        assert "s3cret" not in message
        assert "t0ken" not in message
    assert seen == ["Bearer t0ken", "Basic " + base64.b64encode(b"me:s3cret").decode()]


def test_credentials_in_the_address_are_sent_and_go_before_the_environments(
    start: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = start({EXPERIMENT: PROXIED, "/version": (200, "3.17.2")}, user="you:p%40ss@")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    server.check()
    assert set(seen) == {"Basic " + base64.b64encode(b"you:p@ss").decode()}


def test_credentials_that_only_mlflows_own_client_finds_are_left_to_it(
    start: Callable[..., list[str]], tmp_path: Path
) -> None:
    start({"": (401, "You are not authenticated.")})
    refusal()
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow/credentials").write_text("[mlflow]\nmlflow_tracking_username = me\n")
    server.check()
    with pytest.raises(
        UserError, match=r"error code 401.*; set MLFLOW_TRACKING_USERNAME"
    ):  # told by the client instead
        tracking_client.connect()


def test_a_host_that_the_server_does_not_allow_is_not_taken_for_wrong_credentials(
    start: Callable[..., list[str]],
) -> None:
    start({"": (403, "Invalid Host header - possible DNS rebinding attack detected")})
    assert "--allowed-hosts" in refusal()
    assert "PASSWORD" not in refusal()


@pytest.mark.parametrize(
    ("answers", "found"),
    [({"/version": (200, "2.22.1")}, "2.22.1"), ({}, "2"), ({"/version": (200, "<html>"), MODELS: (404, "{}")}, "2")],
)
def test_a_server_of_mlflow_2_is_told_with_the_version_that_is_needed(
    start: Callable[..., list[str]], answers: Answers, found: str
) -> None:
    start({EXPERIMENT: PROXIED} | answers)
    assert (
        f" is a server of MLflow {found}; needed is 3 or newer: upgrade it, or unset MLFLOW_TRACKING_URI" in refusal()
    )


def test_a_stage_does_not_begin_where_its_run_could_not_be_kept(
    start: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copyfile(PROJECT / "dvc.yaml", tmp_path / "dvc.yaml")
    monkeypatch.chdir(tmp_path)
    start({EXPERIMENT: PROXIED, "/version": (200, "2.22.1")})
    for address in (os.environ["MLFLOW_TRACKING_URI"], "./mlruns"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(UserError, match=r"MLflow 2|folder"), stage_run("fetch", SETTINGS):
            pytest.fail("it began")
    assert list(tmp_path.iterdir()) == [tmp_path / "dvc.yaml"]


def test_artifacts_on_the_servers_own_disk_are_refused_and_those_on_this_machines_are_not(
    start: Callable[..., list[str]], tmp_path: Path
) -> None:
    version: Answers = {"/version": (200, "3.17.2")}
    for place in ("/mlruns/1", "/srv/no/such/mlruns/1", "file:///home/nobody/else/mlruns/1"):
        for answers in ({EXPERIMENT: located(place)}, {EXPERIMENT: MISSING, DEFAULT: located(place)}):
            start(version | answers)
            assert f" keeps artifacts in {place}, on its own disk, which this machine cannot write: " in refusal()
            assert "start it without --no-serve-artifacts" in refusal()
    for place in (f"{tmp_path}/mlruns/1", f"file://{tmp_path}/a%20b/1"):
        start(version | {EXPERIMENT: located(place)})
        server.check()


def test_artifacts_in_a_cloud_are_refused_where_the_package_for_it_is_missing(
    start: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start({EXPERIMENT: located("s3://bucket/1"), "/version": (200, "3.17.2")})
    monkeypatch.setattr(server, "PACKAGES", {"s3": "no-such-package"})
    assert 'no-such-package is not installed: add "no-such-package" to `dependencies` in pyproject.toml' in refusal()
    monkeypatch.setattr(server, "PACKAGES", {"s3": "mlflow"})
    server.check()


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl found")
def test_a_certificate_that_is_not_trusted_is_told_and_one_that_mlflow_is_told_to_trust_is_taken(
    start: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=stub", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem",
         "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    start({EXPERIMENT: PROXIED, "/version": (200, "3.17.2")}, wrapped=context)
    advice = "let MLFLOW_TRACKING_SERVER_CERT_PATH name its authority's certificate, or trust any by"
    assert refusal().endswith(f"; {advice} MLFLOW_TRACKING_INSECURE_TLS=true")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
    server.check()
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "none.pem"))
    assert refusal() == f"MLFLOW_TRACKING_SERVER_CERT_PATH is {tmp_path / 'none.pem'}, which does not exist"
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    server.check()


def test_https_where_only_http_is_spoken_is_told(
    start: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start({"": PROXIED})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", os.environ["MLFLOW_TRACKING_URI"].replace("http:", "https:"))
    assert refusal().endswith("; it does not speak https; write http:// in MLFLOW_TRACKING_URI")


def test_a_slow_server_is_told_in_time_and_not_to_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        message = refusal()
    assert time.monotonic() - started < 3
    assert "timed out; it is slow, hangs, or a firewall stands between; MLFLOW_HTTP_REQUEST_TIMEOUT=" in message
    assert "start it" not in message


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("http://127.0.0.1:9", "start it, or unset MLFLOW_TRACKING_URI to use mlflow.db"),
        ("http://127.0.0.1:port", "see that MLFLOW_TRACKING_URI names it rightly"),
        ("http://", "see that MLFLOW_TRACKING_URI names it rightly"),
    ],
)
def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, address: str, advice: str) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    message = refusal()
    assert message.startswith(f"the MLflow store {address} is out of reach: ")
    assert f"; {advice}" in message


def test_what_does_not_speak_http_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            with other.accept()[0] as connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(10_000)

        thread = threading.Thread(target=greet)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{other.getsockname()[1]}")
        assert "; see that MLFLOW_TRACKING_URI names it rightly" in refusal()
        thread.join()


def test_the_look_at_a_server_loads_no_mlflow() -> None:
    script = "import sys; from pipeline.tracking import server; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=PROJECT).returncode == 0
