"""The public sources, tried in turn."""

import functools
import hashlib
import http.server
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.synthetic import contents_of, flip, synthetic_digits, write_gz, write_idx, write_zip

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources import mirrors
from pipeline.sources.datasets import KNOWN, Known
from pipeline.sources.mirrors import Source

TRAIN, TEST = synthetic_digits(30, 0), synthetic_digits(20, 1)

CONTENTS = contents_of(TRAIN, TEST)

CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}

OURS = Known("MNIST", CHECKSUMS, [str(digit) for digit in range(10)])  # the small synthetic files pass for MNIST's


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def folder(place: Path) -> None:
    write_idx(place, TRAIN, TEST)


@pytest.mark.parametrize("dataset", KNOWN)
def test_every_known_data_set_has_more_than_one_public_source(dataset: str):
    assert len({source.name for source in mirrors.sources(dataset)}) == len(mirrors.sources(dataset)) > 1


@contextmanager
def served(place: Path) -> Iterator[str]:
    """Serve a folder over HTTP on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=place)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def head(url: str) -> list[str]:
    """The probe of the first public source, of another address."""
    return [*mirrors.sources("mnist")[0].probe[:-1], url]


def refuse(_: Path) -> None:
    raise OSError("half way through")


def one_grey_value_off(place: Path) -> None:
    folder(place)
    flip(place / idx.TRAIN_IMAGES)


def test_sources_are_tried_in_order_until_one_has_mnist(capsys: pytest.CaptureFixture[str]):
    candidates = [
        Source("unreachable", ["false"], folder),
        Source("broken off", ["true"], refuse),
        Source("damaged", ["true"], one_grey_value_off),
        Source("good", ["true"], lambda place: write_zip(place / "mnist.zip", TRAIN, TEST)),
        Source("never tried", ["true"], folder),
    ]
    assert mirrors.download_first(candidates, OURS) == CONTENTS
    assert re.findall(r"fetch: (.*) \.\.\.", capsys.readouterr().out) == [
        "unreachable",
        "broken off",
        "damaged",
        "good",
    ]


def test_when_no_source_works_each_is_told_with_its_reason():
    candidates = [
        Source("unreachable", [sys.executable, "-c", "exit('no route')"], folder),
        Source("without its client", ["no-such-client", "view"], folder),
        Source("broken off", ["true"], refuse),
        Source("without its downloader", ["true"], mirrors._run("no-such-client", "pack")),
        Source("failing downloader", ["true"], mirrors._run("false")),
        Source("damaged", ["true"], one_grey_value_off),
        Source("empty", ["true"], lambda place: None),
    ]
    with pytest.raises(UserError, match=r"fetch\.source in params\.yaml") as refused:
        mirrors.download_first(candidates, OURS)
    _, *lines = str(refused.value).splitlines()
    reasons = [
        "out of reach: no route",
        "no-such-client is not installed",
        "half way through",
        "no-such-client",
        "non-zero exit status",
        f"{idx.TRAIN_IMAGES} is not MNIST's",
        f"{idx.TRAIN_IMAGES} not found",
    ]
    for source, line, reason in zip(candidates, lines, reasons, strict=True):
        assert re.fullmatch(f"  {source.name}: .*{re.escape(reason)}.*", line)


def test_mnist_comes_whole_from_a_server_that_answers(tmp_path: Path):
    write_gz(tmp_path / "site", TRAIN, TEST)
    with served(tmp_path / "site") as site:
        urls = [f"{site}/{name}.gz" for name in CONTENTS]
        missing = Source("moved", head(urls[0]), mirrors._download(f"{site}/elsewhere.gz"))
        good = Source("loopback", head(urls[0]), mirrors._download(*urls))
        assert mirrors.download_first([missing, good], OURS) == CONTENTS


def test_a_source_that_does_not_answer_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch):
    assert mirrors.REACH_SECONDS < 10
    monkeypatch.setattr(mirrors, "REACH_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = Source("silent", head(f"http://127.0.0.1:{silent.getsockname()[1]}/"), folder)
        started = time.monotonic()
        with pytest.raises(UserError, match="silent: out of reach: no answer in 1 s"):
            mirrors.download_first([source], OURS)
        assert 1 <= time.monotonic() - started < 3


def test_a_port_where_nobody_listens_is_told_as_refused():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with pytest.raises(UserError, match=r"nobody: out of reach: .*refused"):
        mirrors.download_first([Source("nobody", head(url), folder)], OURS)
