"""Make a run's model `champion`, if it is not worse than the present one on validation images."""

import argparse
import json
import os
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from numpy.typing import NDArray

from pipeline.config import params, paths
from pipeline.config.errors import UserError
from pipeline.config.sections import Prepare
from pipeline.data import idx, prepared
from pipeline.data.prepared import Split
from pipeline.metrics.paired import accuracy_difference
from pipeline.network import saving
from pipeline.network.fused import logits
from pipeline.tracking import client as tracking_client
from pipeline.tracking import registry

FORCE = "FORCE=1 promotes it all the same"


def find_run(client: MlflowClient, name: str) -> Run:
    """Return a complete run by its id, or that of the newest version. Raises UserError where there is none."""
    if name == registry.LATEST:
        newest = registry.aliased(client, registry.LATEST)
        if newest is None:
            raise UserError("promote: no model is registered; `make` trains and publishes one")
        return client.get_run(newest.run_id)
    run = tracking_client.complete_run(client, name)
    if run is None:
        table = f"the table {tracking_client.EXPERIMENTS} of `make ui`"
        raise UserError(f"promote: RUN: found {name}; allowed are the id of a run in {table}, and {registry.LATEST}")
    return run


def training_images(settings: Prepare, labels: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which images of the training set train and which validate, of labels (n,)."""
    numbered = Split(np.arange(len(labels)), labels)  # type: ignore[arg-type] # a split only picks
    parts = prepared.split(numbered, Split(numbered.images[:0], labels[:0]), settings)
    return parts["train"].images, parts["validation"].images  # type: ignore[return-value]


def unseen(client: MlflowClient, runs: list[Run]) -> NDArray[np.bool_]:
    """Tell which of the prepared validation images none of the runs has trained on.

    Raises UserError where there are no validation images of their own, or where a run is of other data.
    """
    settings = params.load()
    if settings.prepare.validation == "test":
        raise UserError(
            f"promote: prepare.validation is test, and the test set chooses nothing; set holdout, or {FORCE}"
        )
    for path in (paths.RAW / idx.TRAIN_LABELS, paths.PREPARED):
        if not path.exists():
            raise UserError(f"promote: {path} is missing; `dvc repro prepare` makes it")
    labels = idx.decode((paths.RAW / idx.TRAIN_LABELS).read_bytes(), str(paths.RAW / idx.TRAIN_LABELS), 1)
    validating = training_images(settings.prepare, labels)[1]
    if not np.array_equal(labels[validating], prepared.load("validation").labels):
        raise UserError(f"promote: {paths.PREPARED} is not what params.yaml says; `dvc repro prepare` makes it")
    new = np.ones(len(validating), bool)
    for run in runs:
        name = f"params.yaml of run {run.info.run_id}"
        path = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="params.yaml"))
        tree = params.read_tree(path.read_text(encoding="utf-8"), name)
        if tree["fetch"]["dataset"] != settings.fetch.dataset:
            found = f"found {tree['fetch']['dataset']}, and here {settings.fetch.dataset}"
            raise UserError(f"promote: {name}: fetch.dataset: {found}; {FORCE}")
        try:
            theirs = Prepare.model_validate_json(json.dumps(tree["prepare"]))
        except ValueError:
            raise UserError(f"promote: {name}: prepare: of another version of the project; {FORCE}") from None
        new &= ~np.isin(validating, training_images(theirs, labels)[0])
    if not new.any():
        raise UserError(
            "promote: one of the two has trained on every validation image of params.yaml; set prepare.train_size and "
            f"prepare.validation_size so that some are left, then `dvc repro prepare`, or {FORCE}"
        )
    return new


def is_right(version: ModelVersion, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which images (n, height, width) a version gets right. Raises UserError where it takes other images."""
    folder = mlflow.artifacts.download_artifacts(f"models:/{registry.NAME}/{version.version}")
    network = saving.load(Path(folder, "data/model.keras"))
    if network.input_shape[1:] != images.shape[1:] or network.output_shape[-1] != len(prepared.class_names()):
        raise UserError(f"promote: version {version.version} is of other images than {paths.PREPARED}; {FORCE}")
    return np.asarray(logits(network, images).argmax(axis=1) == labels)


def compare(client: MlflowClient, run: Run, version: ModelVersion, champion: ModelVersion) -> None:
    """Print how a version compares with the champion. Raises UserError when it is worse."""
    standing = client.get_run(champion.run_id)
    new = unseen(client, [run, standing])
    split = prepared.load("validation")
    images, labels = np.asarray(split.images)[new], split.labels[new]
    ours, theirs = (is_right(one, images, labels) for one in (version, champion))
    by, low, high = (100 * value for value in accuracy_difference(theirs, ours))
    print(
        f"promote: of {len(labels):,} validation images version {version.version} gets {100 * ours.mean():.2f} % "
        f"right, the champion, version {champion.version}, {100 * theirs.mean():.2f} %: "
        f"{by:+.2f} points [{low:+.2f}, {high:+.2f}]"
    )
    tested = [100 * one.data.metrics["test_accuracy"] for one in (run, standing)]
    print(
        f"  of the test images, which choose nothing, {tested[0]:.2f} % and {tested[1]:.2f} %: "
        f"{tested[0] - tested[1]:+.2f} points"
    )
    if high < 0:
        raise UserError(f"promote: version {version.version} is worse than the champion, and is not promoted; {FORCE}")


def main() -> None:
    """Compare, and set the alias."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.promote", description=__doc__)
    parser.add_argument("run", help="id of a complete run, or latest for that of the newest version")
    parser.add_argument("--force", action="store_true", help="promote it without a comparison: a way back, say")
    arguments = parser.parse_args()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        with tracking_client.store_errors():
            client = tracking_client.connect()
            run = find_run(client, arguments.run)
            version = registry.register(client, run)
            champion = registry.aliased(client, registry.CHAMPION)
            if champion and champion.version == version.version:
                print(f"promote: version {version.version} is the champion already")
                return
            if champion and not arguments.force:
                compare(client, run, version, champion)
            client.set_registered_model_alias(registry.NAME, registry.CHAMPION, version.version)
    except UserError as error:
        raise SystemExit(str(error)) from None
    before = f"; before it was version {champion.version}, of run {champion.run_id}" if champion else ""
    print(f"promote: version {version.version} is the champion now, of run {run.info.run_id}{before}")


if __name__ == "__main__":
    main()
