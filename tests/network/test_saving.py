"""The network's archive."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from support.clones import SETTINGS

from pipeline.config import sections
from pipeline.network import saving
from pipeline.network.backend import keras, seed_everything
from pipeline.network.build import build as build_network

SIZE = (12, 10)  # height and width differ, so that they cannot be taken for one another

IMAGES = np.random.default_rng(0).integers(0, 256, (7, *SIZE), np.uint8)

LABELS = np.arange(7) % 3


def chosen(**changes: object) -> sections.Model:
    """The committed settings of the network, changed."""
    return SETTINGS.model.model_copy(update=changes)


def build(*filters: int, **changes: object) -> keras.Model:
    """A small network whose biases are not zero."""
    network = build_network(chosen(filters=filters, **changes), SIZE, classes=3)
    network.set_weights([weights + 0.1 if weights.ndim == 1 else weights for weights in network.get_weights()])
    return network


def answer(network: keras.Model, images: NDArray[np.generic] = IMAGES) -> NDArray[np.float32]:
    return np.asarray(network(images))


@pytest.mark.parametrize("steps", [0, 1])
def test_a_saved_network_answers_as_before(steps, tmp_path):
    network = build(4, 8)
    for _ in range(steps):
        network.compile("adam", "sparse_categorical_crossentropy")
        network.train_on_batch(IMAGES, LABELS)
    saving.save(network, tmp_path / "model.keras")
    np.testing.assert_array_equal(answer(saving.load(tmp_path / "model.keras")), answer(network))


def test_saving_a_network_or_another_of_the_same_seed_gives_the_same_bytes_at_any_hour(tmp_path, monkeypatch):
    seed_everything(3)
    network = build(4, 8)
    seed_everything(3)
    twin = build(4, 8)
    saving.save(network, tmp_path / "now.keras")
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    saving.save(network, tmp_path / "later.keras")
    saving.save(twin, tmp_path / "twin.keras")
    monkeypatch.undo()
    time.tzset()
    now, later, twins = ((tmp_path / f"{name}.keras").read_bytes() for name in ("now", "later", "twin"))
    assert now == later
    assert now == twins
