"""Data that a network can learn in seconds, and clones of this project in which the real `dvc` runs on it."""

import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from pipeline import fetch, idx, params
from pipeline.datasets import KNOWN
from pipeline.prepare import Split

PROJECT = Path(__file__).parent.parent
SMALL = {
    "prepare.train_size": 400,
    "prepare.validation_size": 100,
    "kernel_demo.measured_images": 20,
    "train.epochs": 2,
}


def synthetic_digits(count: int, seed: int) -> Split:
    """Ten classes of 28x28 images: a bright square at a place of its own for each, and noise."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = random.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 4 + 7 * (label // 4), 3 + 6 * (label % 4)
        image[row : row + 6, column : column + 5] += np.uint8(180)
    return Split(images, labels)


def contents_of(train: Split, test: Split) -> dict[str, bytes]:
    """The four IDX files of a data set."""
    arrays = [train.images, train.labels, test.images, test.labels]
    return {name: idx.encode(array) for name, array in zip(idx.FILES, arrays, strict=True)}


def write_idx(folder: Path, train: Split, test: Split) -> Path:
    """Write the four IDX files of a data set into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents_of(train, test).items():
        (folder / name).write_bytes(content)
    return folder


def write_gz(folder: Path, train: Split, test: Split) -> None:
    """Write the four IDX files of a data set into a folder, compressed one by one."""
    folder.mkdir()
    for name, content in contents_of(train, test).items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def write_zip(path: Path, train: Split, test: Split, compression: int = zipfile.ZIP_DEFLATED) -> None:
    """Write a zip of a folder with the four IDX files of a data set."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents_of(train, test).items():
            archive.writestr(f"data/{name}", content)


def write_npz(path: Path, train: Split, test: Split) -> None:
    """Write a data set as Keras keeps it."""
    with path.open("wb") as file:
        np.savez(file, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)


def cut(path: Path) -> None:
    """Leave only the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path, position: int | None = None, bits: int = 0xFF) -> None:
    """Flip bits of one byte of a file, of the middle one where no position is given."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= bits
    path.write_bytes(content)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the IDX files of a synthetic data set: 500 training and 200 test images."""
    return write_idx(tmp_path_factory.mktemp("dataset"), synthetic_digits(500, 0), synthetic_digits(200, 1))


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real MNIST, fetched as the pipeline fetches it."""
    folder = tmp_path_factory.mktemp("mnist")
    for name, content in fetch.download_first(fetch.sources("mnist"), KNOWN["mnist"]).items():
        (folder / name).write_bytes(content)
    return folder


@dataclass
class Clone:
    """A git clone of the project, as it stands in the working tree, with its own DVC cache and MLflow store."""

    folder: Path

    def set(self, **changes: object) -> None:
        """Change settings in params.yaml, `set(train__epochs=3)`."""
        path = self.folder / "params.yaml"
        settings = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            section, name = key.split("__")
            settings[section][name] = value
        path.write_text(yaml.safe_dump(settings, sort_keys=False))

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone; with `check`, a failure shows what it printed."""
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True, timeout=600
        )
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)} exited {result.returncode}:\n{result.stdout}\n{result.stderr}")
        return result

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a user who knows nothing of the tests around it."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_", "GIT_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return kept | {"PATH": path, "TF_NUM_INTRAOP_THREADS": "2"} | more

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro` and return the stages that it executed, in order."""
        output = self.run("dvc", "repro", *arguments).stdout
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]

    def lock(self) -> bytes:
        """The bytes of dvc.lock."""
        return (self.folder / "dvc.lock").read_bytes()


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
        settings = {key.replace(".", "__"): value for key, value in SMALL.items()}
        clone.set(fetch__dataset=str(dataset), **settings)
        clone.run("git", "init", "--quiet")
        commit(clone, "start")
        return clone

    return make


def commit(clone: Clone, message: str) -> None:
    """Commit all of a clone's tracked and new files."""
    clone.run("git", "add", "--all")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    clone.run("git", *identity, "commit", "--quiet", "--message", message)


@pytest.fixture
def clone(make_clone: Callable[[], Clone]) -> Clone:
    """A fresh clone in which nothing has run yet."""
    return make_clone()


@pytest.fixture(scope="session")
def finished(make_clone: Callable[[], Clone]) -> Clone:
    """A clone in which everything ran once and was committed; tests only read it."""
    clone = make_clone()
    assert clone.repro() == list(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])
    commit(clone, "results")
    return clone


def copy_of(clone: Clone, folder: Path) -> Clone:
    """Copy a clone, cache and all, but for its store: the artifacts' absolute paths would lead back to the original."""
    subprocess.run(["cp", "-r", clone.folder, folder], check=True)
    subprocess.run(["rm", "-rf", *folder.glob("mlflow.db*"), folder / "mlartifacts"], check=True)
    return Clone(folder)


def complete_rows(clone: Clone, uri: str = "") -> set[str]:
    """The content keys of the complete runs in a clone's store, each run checked to be complete, none double.

    No run of a stage may be left running either.
    """
    client = MlflowClient(uri or f"sqlite:///{clone.folder / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("convscope").experiment_id])
    stage_runs = client.search_runs([client.get_experiment_by_name("convscope-stages").experiment_id], max_results=5000)
    assert "RUNNING" not in {run.info.status for run in [*runs, *stage_runs]}
    settings = set(params.flat(params.load(PROJECT / "params.yaml")))
    for run in runs:
        assert run.info.status == "FINISHED"
        assert set(run.data.params) == settings
        assert {"test_accuracy", "test_loss", "val_accuracy", "val_loss"} <= set(run.data.metrics)
        epochs = range(1, int(run.data.params["train.epochs"]) + 1)
        for curve in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert [point.step for point in client.get_metric_history(run.info.run_id, curve)] == list(epochs)
        artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
        assert artifacts == {"params.yaml", "dvc.lock", "figures", "metrics", "models", "report"}
        assert len(run.outputs.model_outputs) == 1
    keys = [run.data.tags["content"] for run in runs]
    assert len(keys) == len(set(keys))
    return set(keys)


def wait_for(condition: Callable[[], object], seconds: float = 200) -> None:
    """Return once a condition holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.2)


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
