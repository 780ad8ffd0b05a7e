import functools
import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import shutil
import socket
import struct
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from conftest import Clone, synthetic_digits, write_idx
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import fetch, idx
from pipeline.errors import UserError
from pipeline.fetch import Source

TRAIN, TEST = synthetic_digits(30, 0), synthetic_digits(20, 1)
ARRAYS = [TRAIN.images, TRAIN.labels, TEST.images, TEST.labels]
CONTENTS = {name: idx.encode(array) for name, array in zip(fetch.MNIST, ARRAYS, strict=True)}
CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
IMAGES, LABELS = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


class Python2Pickler(pickle._Pickler):
    """Pickles as Python 2 did: names and array bytes as byte strings."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_byte_string(self, content: str | bytes) -> None:
        raw = content.encode("latin1") if isinstance(content, str) else content
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(content)

    dispatch[str] = dispatch[bytes] = save_byte_string


def python2_pickle(content: Any) -> bytes:
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def theano_pickle() -> bytes:
    """Pairs of images float32 k/256 (n, 784) and labels int64, as in mnist.pkl: two make up the training set."""
    parts = [(TRAIN.images[:25], TRAIN.labels[:25]), (TRAIN.images[25:], TRAIN.labels[25:]), (TEST.images, TEST.labels)]
    pairs = [(images.reshape(-1, 784).astype(np.float32) / 256, labels.astype(np.int64)) for images, labels in parts]
    return python2_pickle(tuple(pairs))


def folder(place: Path) -> None:
    write_idx(place, TRAIN, TEST)


def folder_of_gz(place: Path) -> None:
    place.mkdir()
    for name, content in CONTENTS.items():
        (place / f"{name}.gz").write_bytes(gzip.compress(content))


def zipped(place: Path, compression: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(place, "w", compression) as archive:
        for name, content in CONTENTS.items():
            archive.writestr(f"mnist/{name}", content)


def zipped_by_lzma(place: Path) -> None:
    zipped(place, zipfile.ZIP_LZMA)


def npm_pack(place: Path) -> None:
    with tarfile.open(place, "w:gz") as archive:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(f"package/data/{name}.gz")
            compressed = gzip.compress(content)
            member.size = len(compressed)
            archive.addfile(member, io.BytesIO(compressed))


def keras_npz(place: Path) -> None:
    with place.open("wb") as file:
        np.savez(file, x_train=TRAIN.images, y_train=TRAIN.labels, x_test=TEST.images, y_test=TEST.labels)


def pickle_gz(place: Path) -> None:
    place.mkdir()
    (place / "mnist.pkl.gz").write_bytes(gzip.compress(theano_pickle()))


def wheel(place: Path) -> None:
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", gzip.compress(theano_pickle()))
        archive.writestr("mnist-0.1.dist-info/METADATA", "Name: mnist")


FORMS: list[Callable[[Path], None]] = [folder, folder_of_gz, zipped, npm_pack, keras_npz, pickle_gz, wheel]


def read_checked(place: Path) -> dict[str, bytes]:
    return fetch.verified(fetch.read(place), place, CHECKSUMS)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_bytes(tmp_path: Path, form: Callable[[Path], None]):
    form(tmp_path / "mnist")
    assert read_checked(tmp_path / "mnist") == CONTENTS


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path, position: int | None = None, bits: int = 0xFF) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= bits
    path.write_bytes(content)


def encrypt(path: Path) -> None:
    flip(path, path.read_bytes().index(b"PK\x01\x02") + 8, bits=1)  # a flag in the central directory


def compress_by_a_method_unheard_of(path: Path) -> None:
    flip(path, path.read_bytes().index(b"PK\x01\x02") + 10)


@pytest.mark.parametrize(
    ("form", "part", "damage", "named"),
    [
        (folder, "", shutil.rmtree, "not found"),
        (folder, LABELS, Path.unlink, f"{LABELS} not found"),
        (folder, IMAGES, cut, f"{IMAGES}: .*30x28x28"),
        (folder, IMAGES, flip, f"{IMAGES} is not MNIST's: expected SHA-256 {CHECKSUMS[IMAGES]}, found [0-9a-f]{{64}}$"),
        (folder_of_gz, f"{IMAGES}.gz", cut, f"{IMAGES}.gz is not readable: "),
        (folder_of_gz, f"{IMAGES}.gz", flip, f"{IMAGES}.gz is not readable: "),
        (zipped, "", cut, ""),
        (zipped, "", flip, f"{IMAGES} is not readable: "),
        (zipped, "", encrypt, f"{IMAGES} is not readable: "),
        (zipped, "", compress_by_a_method_unheard_of, f"{IMAGES} is not readable: "),
        (zipped_by_lzma, "", flip, f"{IMAGES} is not readable: "),
        (npm_pack, "", cut, ""),
    ],
)
def test_damage_is_refused_by_the_name_of_the_file(
    tmp_path: Path, form: Callable[[Path], None], part: str, damage: Callable[[Path], None], named: str
):
    place = tmp_path / "mnist"
    form(place)
    damage(place / part)
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: {named}") as refused:
        read_checked(place)
    assert "\n" not in str(refused.value)


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize("form", [zipped, npm_pack, keras_npz])
def test_a_flipped_bit_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, form: Callable[[Path], None], position: float, bit: int
):
    place = tmp_path_factory.mktemp("damaged") / "mnist"
    form(place)
    flip(place, int(position * place.stat().st_size), 1 << bit)
    try:
        found, refusal = read_checked(place), None
    except UserError as error:
        found, refusal = CONTENTS, str(error)
    assert found == CONTENTS
    assert refusal is None or refusal.startswith(f"{place}: ")


IMAGE, LABEL = np.zeros((1, 784), np.float32), np.zeros(1, np.int64)


@pytest.mark.parametrize("content", [{}, [(IMAGE, LABEL)] * 2, [(IMAGE, [0])] * 3])
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: Any):
    (tmp_path / "mnist.pkl").write_bytes(python2_pickle(content))
    with pytest.raises(UserError, match=r"mnist\.pkl is not readable: "):
        fetch.read(tmp_path)


def test_an_npz_whose_values_could_pass_the_range_of_a_byte_is_refused(tmp_path: Path):
    np.savez(tmp_path / "mnist.npz", x_train=TRAIN.images.astype(np.int64))
    with pytest.raises(UserError, match=r"mnist\.npz: x_train\.npy is not readable: "):
        fetch.read(tmp_path / "mnist.npz")


def test_files_of_ones_own_need_only_be_whole(tmp_path: Path):
    folder(tmp_path / "own")
    found = fetch.read(tmp_path / "own")
    with pytest.raises(UserError, match="is not MNIST's"):
        fetch.verified(found, "own")
    assert fetch.verified(found, "own", checksums=None) == CONTENTS


class Armed:
    """Does something when unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    ("weapon", "name"),
    [(lambda mark: Armed(os.system, f"touch {mark}"), "system"), (lambda mark: Armed(np.save, str(mark), 0), "save")],
)
def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path, weapon: Callable[[Path], Armed], name: str):
    mark = tmp_path / "ran.npy"
    payload = pickle.dumps(weapon(mark), protocol=2)
    pickle.loads(payload)
    assert mark.exists(), "the weapon is not loaded"
    mark.unlink()
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(payload))
    with pytest.raises(UserError, match=rf"mnist\.pkl\.gz is not readable: the pickle asks for \w+\.{name};"):
        fetch.read(tmp_path)
    assert not mark.exists()


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the small synthetic files pass for MNIST's."""
    for name, checksum in CHECKSUMS.items():
        monkeypatch.setitem(fetch.MNIST, name, checksum)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


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
    return [*fetch.sources()[0].probe[:-1], url]


def refuse(_: Path) -> None:
    raise OSError("half way through")


def one_grey_value_off(place: Path) -> None:
    folder(place)
    flip(place / IMAGES)


@pytest.mark.usefixtures("ours")
def test_sources_are_tried_in_order_until_one_has_mnist(capsys: pytest.CaptureFixture[str]):
    candidates = [
        Source("unreachable", ["false"], folder),
        Source("broken off", ["true"], refuse),
        Source("damaged", ["true"], one_grey_value_off),
        Source("good", ["true"], lambda place: zipped(place / "mnist.zip")),
        Source("never tried", ["true"], folder),
    ]
    assert fetch.download_first(candidates) == CONTENTS
    assert re.findall(r"fetch: (.*) \.\.\.", capsys.readouterr().out) == [
        "unreachable",
        "broken off",
        "damaged",
        "good",
    ]


@pytest.mark.usefixtures("ours")
def test_when_no_source_works_each_is_told_with_its_reason():
    candidates = [
        Source("unreachable", [sys.executable, "-c", "exit('no route')"], folder),
        Source("without its client", ["no-such-client", "view"], folder),
        Source("broken off", ["true"], refuse),
        Source("without its downloader", ["true"], fetch._run("no-such-client", "pack")),
        Source("failing downloader", ["true"], fetch._run("false")),
        Source("damaged", ["true"], one_grey_value_off),
        Source("empty", ["true"], lambda place: None),
    ]
    with pytest.raises(UserError, match=r"fetch\.source in params\.yaml") as refused:
        fetch.download_first(candidates)
    _, *lines = str(refused.value).splitlines()
    reasons = [
        "out of reach: no route",
        "no-such-client is not installed",
        "half way through",
        "no-such-client",
        "non-zero exit status",
        f"{IMAGES} is not MNIST's",
        f"{IMAGES} not found",
    ]
    for source, line, reason in zip(candidates, lines, reasons, strict=True):
        assert re.fullmatch(f"  {source.name}: .*{re.escape(reason)}.*", line)


@pytest.mark.usefixtures("ours")
def test_mnist_comes_whole_from_a_server_that_answers(tmp_path: Path):
    folder_of_gz(tmp_path / "site")
    with served(tmp_path / "site") as site:
        urls = [f"{site}/{name}.gz" for name in CONTENTS]
        missing = Source("moved", head(urls[0]), fetch._download(f"{site}/elsewhere.gz"))
        good = Source("loopback", head(urls[0]), fetch._download(*urls))
        assert fetch.download_first([missing, good]) == CONTENTS


@pytest.mark.usefixtures("ours")
def test_a_source_that_does_not_answer_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch):
    assert fetch.REACH_SECONDS < 10
    monkeypatch.setattr(fetch, "REACH_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = Source("silent", head(f"http://127.0.0.1:{silent.getsockname()[1]}/"), folder)
        started = time.monotonic()
        with pytest.raises(UserError, match="silent: out of reach: no answer in 1 s"):
            fetch.download_first([source])
        assert 1 <= time.monotonic() - started < 3


@pytest.mark.usefixtures("ours")
def test_a_port_where_nobody_listens_is_told_as_refused():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with pytest.raises(UserError, match=r"nobody: out of reach: .*refused"):
        fetch.download_first([Source("nobody", head(url), folder)])


@pytest.mark.slow
def test_the_stage_refuses_a_damaged_file_in_one_line_and_keeps_nothing(clone: Clone, tmp_path: Path):
    folder(tmp_path / "own")
    cut(tmp_path / "own" / IMAGES)
    clone.set(fetch__dataset=str(tmp_path / "own"))
    result = clone.run("python", "-m", "pipeline.fetch", check=False)
    assert result.returncode == 1
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/own: {IMAGES}: .*30x28x28.*\n", result.stderr)
    assert not [path for path in (clone.folder / "data").rglob("*") if path.is_file()]
