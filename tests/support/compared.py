"""Runs made up to be compared, as their files would tell them."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.config import paths
from pipeline.data import idx
from pipeline.metrics.scores import score, softmax
from pipeline.tracking import lineage, sides
from pipeline.tracking.sides import SETTINGS, TEST_IMAGES, Side
from support.clones import ARTICLE_YAML

LABELS = (np.arange(200) % 10).astype(np.uint8)


def npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def files_of(seed: int = 0, labels: Any = LABELS, classes: int = 10, **settings: Any) -> dict[Path, bytes]:
    """The files of a run whose network is right on about four images of five."""
    random = np.random.default_rng(seed)
    tree = yaml.safe_load(ARTICLE_YAML.read_text())
    for key, value in settings.items():
        section, name = key.split("__")
        tree[section][name] = value
    logits = random.normal(0, 1, (len(labels), classes)) + 3 * np.eye(classes)[labels]
    probabilities = softmax(logits.astype(np.float32))
    names = [str(number) for number in range(classes)]
    metrics = {
        "evaluate": score(probabilities, labels),
        "prepare": {"class_names": names},
        "train": {"parameters": 100 + seed, "best_epoch": 2, "best_val_loss": 0.5 + seed / 10},
    }
    images = np.random.default_rng(classes).integers(0, 256, (len(labels), 8, 8)).astype(np.uint8)
    epochs = "".join(f"{epoch},{0.9 / epoch},0.{epoch},{0.8 / epoch},0.{epoch + seed}\n" for epoch in (1, 2, 3))
    return {
        SETTINGS: yaml.safe_dump(tree, sort_keys=False).encode(),
        paths.HISTORY: b"epoch,loss,accuracy,val_loss,val_accuracy\n" + epochs.encode(),
        paths.PREDICTIONS: npz(probabilities=probabilities, predicted=probabilities.argmax(axis=1), labels=labels),
        paths.TRAINED_KERNELS: npz(**{"learnt/convolution_1": random.normal(0, 1, (3, 3, 1, 12)).astype(np.float32)}),
        TEST_IMAGES: idx.encode(images),
        **{paths.metrics(name): json.dumps(content).encode() for name, content in metrics.items()},
    }


def side(files: dict[Path, bytes], name: str = "run", without: tuple[Path, ...] = ()) -> Side:
    """A side with these files, all of which its dvc.lock names, and of which some cannot be had."""
    outs = [
        {"path": str(path), "md5": hashlib.md5(content).hexdigest()}
        for path, content in files.items()
        if path != SETTINGS
    ]
    made_with = {section: value for section, value in yaml.safe_load(files[SETTINGS]).items() if section == "train"}
    lock = {"stages": {"all": {"params": {"params.yaml": made_with}, "outs": outs}}}
    found = {path: content for path, content in files.items() if path not in without}
    found |= {lineage.LOCK: yaml.safe_dump(lock).encode()} if lineage.LOCK not in without else {}
    return sides.collect(name, "made up", found.get, "lost")
