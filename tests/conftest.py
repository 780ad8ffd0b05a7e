"""The data and the clones that tests of several files share."""

import pipeline  # noqa: F401, I001 # before NumPy: it says how NumPy is to round

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import filelock
import pytest
import yaml
from mlflow import MlflowClient
from support import studied
from support.clones import ARTICLE_YAML, PROJECT, SMALL, Clone, commit
from support.processes import free_port, serve, stop
from support.synthetic import synthetic_digits, write_idx

from pipeline.network import backend  # noqa: F401 # before ENVIRONMENT: it says there how TensorFlow is to round
from pipeline.sources import mirrors
from pipeline.sources.datasets import KNOWN


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what tests have recorded of this machine."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    said = {text for report in reports for text in getattr(report, "user_properties", [])}
    for name, value in sorted(said):
        terminalreporter.write_line(f"{name}: {value}")


ENVIRONMENT = dict(os.environ)


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Start and leave each test in pytest's own environment: a .env file that was read, and the address that MLflow
    sets for its children, by a fixture of the session too, would stay in it for every later test."""
    with mock.patch.dict(os.environ, ENVIRONMENT, clear=True):
        yield


Shared = Callable[[str, Callable[[], Path]], Path]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Shared:
    """Return a maker of folders of which pytest's worker processes have one together, whoever comes first."""

    def make(name: str, made: Callable[[], Path]) -> Path:
        base = tmp_path_factory.getbasetemp()
        note = (base if worker_id == "master" else base.parent) / f"{name}.txt"
        with filelock.FileLock(note.with_suffix(".lock")):
            if not note.exists():
                note.write_text(str(made()))
        return Path(note.read_text())

    return make


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Path:
    """A folder with the IDX files of a synthetic data set: 500 training and 200 test images."""
    digits = synthetic_digits(500, 0), synthetic_digits(200, 1)
    return shared("dataset", lambda: write_idx(tmp_path_factory.mktemp("dataset"), *digits))


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real MNIST, fetched as the pipeline fetches it."""
    folder = tmp_path_factory.mktemp("mnist")
    for name, content in mirrors.download_first(mirrors.sources("mnist"), KNOWN["mnist"]).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def make_clone(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Callable[[], Clone]:
    """Return a maker of clones that run on the synthetic data."""

    def make() -> Clone:
        folder = tmp_path_factory.mktemp("clone") / "convscope"
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT, check=True, capture_output=True, text=True,
        ).stdout.split("\0")  # fmt: skip
        for name in filter(None, tracked):
            if (PROJECT / name).exists() and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, folder / name)
        clone = Clone(folder)
        shutil.copyfile(ARTICLE_YAML, folder / "params.yaml")
        settings = {key.replace(".", "__"): value for key, value in SMALL.items()}
        clone.set(fetch__dataset=str(dataset), **settings)
        clone.run("git", "init", "--quiet")
        commit(clone, "start")
        return clone

    return make


@pytest.fixture
def clone(make_clone: Callable[[], Clone]) -> Clone:
    """A fresh clone in which nothing has run yet."""
    return make_clone()


@pytest.fixture(scope="session")
def finished(make_clone: Callable[[], Clone], shared: Shared) -> Clone:
    """A clone in which everything ran once and was committed; tests only read it. Beside it lies how long that took."""

    def made() -> Path:
        clone, started = make_clone(), time.monotonic()
        assert clone.repro() == list(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])
        (clone.folder.parent / "seconds").write_text(str(time.monotonic() - started))
        commit(clone, "results")
        return clone.folder

    return Clone(shared("finished", made))


@pytest.fixture(scope="session")
def answered(make_clone: Callable[[], Clone], shared: Shared) -> Clone:
    """A clone with one small study, which was run once and nothing else was; tests only read it."""

    def made() -> Path:
        clone = make_clone()
        studied.only(clone)
        clone.run("python", "-m", "pipeline.commands.study", "tiny")
        return clone.folder

    return Clone(shared("answered", made))


@pytest.fixture
def new_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an MLflow server without a run, to which the test's own project logs."""
    port = free_port()
    server = serve(tmp_path, port)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(server)


@pytest.fixture(scope="session")
def without_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with prepared data whose store has no run; tests only copy it."""
    from support import registered  # loads Keras

    return registered.project(tmp_path_factory.mktemp("without_runs"))


@pytest.fixture
def client(without_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """The store of a copy of it, in which the test is."""
    from support import registered  # loads Keras

    return registered.connect(without_runs, tmp_path, monkeypatch)
