import http.server
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipeline.config.errors import UserError
from pipeline.tracking import store


def test_a_tracking_uri_in_the_env_file_is_used_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert store.uri() == f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / ".env").write_text("MLFLOW_TRACKING_URI=http://127.0.0.1:7777\n")
    assert store.uri() == "http://127.0.0.1:7777"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:8888")
    assert store.uri() == "http://127.0.0.1:8888"


def test_a_local_database_that_is_none_is_told_with_its_place_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store.check_local()  # there is none yet
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_text("a shopping list, long enough to be no empty database" * 20)
    with pytest.raises(UserError, match=r"mlflow\.db is out of reach: file is not a database; move it away"):
        store.check_local()
    assert (tmp_path / "mlflow.db").read_text().startswith("a shopping list")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Answering(http.server.BaseHTTPRequestHandler):
    """A server that answers everything with one status."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("status", "reached"), [(200, True), (401, True), (404, True), (500, False), (503, False)])
def test_a_server_that_answers_is_reached_unless_it_says_that_it_is_broken(
    status: int, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), type("One", (Answering,), {"status": status})) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}/")
        assert store.is_server()
        with nullcontext() if reached else pytest.raises(UserError, match=f"out of reach: HTTP Error {status}"):
            store.check_server()
        thread.join()


def test_a_server_that_is_silent_or_not_there_is_told_within_seconds(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for uri in (silent_server, "http://127.0.0.1:9"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        started = time.monotonic()
        with pytest.raises(UserError, match=rf"{uri} is out of reach: .*; start it, or unset MLFLOW_TRACKING_URI"):
            store.check_server()
        assert time.monotonic() - started < 6


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:s3cret@host:5000/path", "https://host:5000/path"),
        ("https://me:s3cret%2F@host", "https://host"),
        ("https://me:s3cret/@host", "https://host"),
        ("https://s3cret@host", "https://host"),
        ("postgresql://me:s3cret@host/database", "postgresql://host/database"),
        ("postgresql://host/database?user=me&password=s3cret", "postgresql://host/database"),
        ("sqlite:////folder/a@b?/mlflow.db", "sqlite:////folder/a@b?/mlflow.db"),
    ],
)
def test_an_address_is_shown_and_an_error_quoted_without_user_and_password(
    monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.name() == shown
    message = str(store.out_of_reach(ValueError(f"no answer from {address}/api\nand more"), "start it"))
    assert message.startswith(f"the MLflow store {shown} is out of reach: no answer from ")
    assert message.endswith("/api; start it")
    assert "s3cret" not in message


def test_an_error_is_quoted_by_the_line_that_says_what_happened() -> None:
    sql = "(raised as a result of Query-invoked autoflush)\n(sqlite3.OperationalError) database is locked\n[SQL: ...]"
    assert store.first_line(RuntimeError(sql)) == "(sqlite3.OperationalError) database is locked"
    full = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'"), ("c", "d", "the same")])
    assert store.first_line(full) == "[Errno 28] No space left on device: 'b'"
    assert store.first_line(ValueError()) == "ValueError"
