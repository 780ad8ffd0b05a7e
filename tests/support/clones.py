"""Clones of this project in which the real `dvc` runs."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.config import params

PROJECT = Path(__file__).parents[2]
# the settings that the README and the tests speak of: params.yaml is the user's to change
ARTICLE_YAML = PROJECT / "studies/base.yaml"
SETTINGS = params.load(ARTICLE_YAML)
SMALL = {
    "prepare.train_size": 400,
    "prepare.validation_size": 100,
    "kernel_demo.measured_images": 20,
    "train.epochs": 2,
    "robustness.images": 50,
    "robustness.corruptions": ["translate", "occlusion"],
}


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
        ours = ("DVC_", "MLFLOW_", "GIT_", "MAKE", "MFLAGS")  # a make within make tells where it is
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return kept | {"PATH": path} | more

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro` and return the stages that it executed, in the order of dvc.yaml.

        DVC goes its own way through stages of which neither needs the other; a second dvc.yaml leaves it no fixed one.
        """
        output = self.run("dvc", "repro", *arguments).stdout
        executed = [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
        return sorted(executed, key=list(yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"]).index)

    def lock(self) -> bytes:
        """The bytes of dvc.lock."""
        return (self.folder / "dvc.lock").read_bytes()

    def locked(self) -> dict[str, object]:
        """What dvc.lock says of each stage, in whatever order they first ran."""
        return dict(yaml.safe_load(self.lock())["stages"])


def commit(clone: Clone, message: str) -> None:
    """Commit all of a clone's tracked and new files."""
    clone.run("git", "add", "--all")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    clone.run("git", *identity, "commit", "--quiet", "--message", message)


def copy_of(clone: Clone, folder: Path) -> Clone:
    """Copy a clone, cache and all, but for its store: a test begins with an empty one."""
    subprocess.run(["cp", "-r", clone.folder, folder], check=True)
    subprocess.run(["rm", "-rf", *folder.glob("mlflow.db*"), folder / "mlartifacts"], check=True)
    return Clone(folder)


def client_of(clone: Clone, uri: str = "") -> MlflowClient:
    """A client of a clone's store, or of another one."""
    return MlflowClient(uri or f"sqlite:///{clone.folder / 'mlflow.db'}")


def rows(clone: Clone, uri: str = "") -> list[Run]:
    """The rows of the table of experiments, the latest first, complete or not."""
    client = client_of(clone, uri)
    return client.search_runs([client.get_experiment_by_name("convscope").experiment_id])


def complete_rows(clone: Clone, uri: str = "") -> set[str]:
    """The content keys of the complete runs in a clone's store, each run checked to be complete, none double.

    No run of a stage may be left running either.
    """
    client, runs = client_of(clone, uri), rows(clone, uri)
    stage_runs = client.search_runs([client.get_experiment_by_name("convscope-stages").experiment_id], max_results=5000)
    assert "RUNNING" not in {run.info.status for run in [*runs, *stage_runs]}
    settings = set(params.flat(SETTINGS))
    for run in runs:
        assert run.info.status == "FINISHED"
        assert set(run.data.params) == settings
        assert {"test_accuracy", "test_loss", "val_accuracy", "val_loss"} <= set(run.data.metrics)
        epochs = range(1, int(run.data.params["train.epochs"]) + 1)
        for curve in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert [point.step for point in client.get_metric_history(run.info.run_id, curve)] == list(epochs)
        artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
        assert artifacts == {
            *["params.yaml", "dvc.lock", "lineage.json"],
            *["data", "figures", "metrics", "models", "report"],
        }
        assert len(run.outputs.model_outputs) == 1
        assert len(run.data.tags) <= 15
    keys = [run.data.tags["content"] for run in runs]
    assert len(keys) == len(set(keys))
    return set(keys)
