"""The network's archive."""

import time

import numpy as np
import pytest
from support.networks import IMAGES, LABELS, answer, build

from pipeline.network import saving
from pipeline.network.backend import seed_everything


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
