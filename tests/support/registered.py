"""A project with prepared data and a store, and published runs in it, without DVC."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Run
from ruamel.yaml import YAML

from pipeline.config import params, paths
from pipeline.data import files, prepared
from pipeline.network import saving, served
from pipeline.network.backend import keras
from pipeline.network.build import build
from pipeline.tracking import client as tracking_client
from pipeline.tracking import mlflow_model
from support.clones import ARTICLE_YAML, PROJECT, SETTINGS
from support.synthetic import synthetic_digits, write_idx

CLASSES = [f"digit {number}" for number in range(10)]
SIZES = {"train_size": 100, "validation_size": 60}


def connect(template: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Copy a project into an empty folder, go there, and return the client of its store."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # which MLflow sets for its children
    return tracking_client.connect()


def settings(**prepare: object) -> str:
    """The text of params.yaml with a small training set, and other settings of `prepare`."""
    yaml = YAML()
    tree = yaml.load(ARTICLE_YAML.read_text())
    tree["prepare"] |= SIZES | prepare
    path = Path("params.yaml.made")
    with path.open("w") as file:
        yaml.dump(tree, file)
    text = path.read_text()
    path.unlink()
    return text


def project(folder: Path) -> Path:
    """Make an empty folder a project with 300 training images and a store; return it."""
    with contextlib.chdir(folder):
        _make(folder)
    return folder


def _make(folder: Path) -> None:
    shutil.copyfile(PROJECT / "dvc.yaml", folder / "dvc.yaml")
    Path("params.yaml").write_text(settings())
    train, test = synthetic_digits(300, 0), synthetic_digits(50, 1)
    write_idx(paths.RAW, train, test)
    parts = prepared.split(train, test, params.load().prepare)
    for name, part in parts.items():
        files.write_array(paths.PREPARED / f"{name}_images.npy", part.images)
        files.write_array(paths.PREPARED / f"{name}_labels.npy", part.labels)
    files.write_text(paths.PREPARED / paths.CLASS_NAMES, "\n".join(CLASSES))
    tracking_client.connect()


def network(right: float) -> keras.Model:
    """A network without hidden layers that gets about this share of the digits right: the others are taken for 0."""
    model = build(SETTINGS.model.model_copy(update={"filters": ()}), (28, 28), 10)
    digits = synthetic_digits(10, 2)
    kernel = np.zeros((784, 10), np.float32)
    for image, label in zip(digits.images, digits.labels, strict=True):
        if label < round(10 * right):
            kernel[:, label] = (image > 100).reshape(-1)
    model.layers[-1].set_weights([kernel, np.zeros(10, np.float32)])
    return model


def publish(client: MlflowClient, right: float, text: str = "", content: str = "", scale: float | None = None) -> Run:
    """Publish a complete run of a network that gets about this share right, of the settings in a text."""
    home = client.get_experiment_by_name(tracking_client.EXPERIMENTS).experiment_id
    tags = {"content": content or f"content {right}", "mlflow.note.content": f"**{right}** right"}
    run = client.create_run(home, tags=tags)
    archive = Path("models/model.keras")
    saving.save(network(right), archive)
    client.log_batch(run.info.run_id, metrics=[Metric("test_accuracy", right, 0, 0)])
    client.log_text(run.info.run_id, text or settings(), "params.yaml")
    example = np.asarray(prepared.load("test").images[:1])
    model = mlflow_model.Served(archive, Path(served.__file__), CLASSES, scale, example)
    assert mlflow_model.log(client, run, model)
    client.set_terminated(run.info.run_id, "FINISHED")
    return client.get_run(run.info.run_id)
