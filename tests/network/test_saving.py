"""The network's archive."""

import time

import numpy as np
import pytest
from support.networks import IMAGES, LABELS, answer, build

from pipeline.network import saving
from pipeline.network.backend import seed_everything
from pipeline.network.fused import logits


@pytest.mark.parametrize("steps", [0, 1])
def test_a_saved_network_answers_as_before(steps, tmp_path):
    network = build(4, 8)
    for _ in range(steps):
        network.compile("adam", "sparse_categorical_crossentropy")
        network.train_on_batch(IMAGES, LABELS)
    saving.save(network, tmp_path / "model.keras")
    np.testing.assert_array_equal(answer(saving.load(tmp_path / "model.keras")), answer(network))


def test_the_weights_by_their_names_make_another_network_answer_the_same():
    network, other = (build(4, 8, dense=(5,), batch_normalization=True) for _ in range(2))
    weights = saving.weights(network)
    assert (answer(other) != answer(network)).any()
    for layer in other.layers:
        layer.set_weights([weights[f"{layer.name}/{weight.name}"] for weight in layer.weights])
    np.testing.assert_array_equal(answer(other), answer(network))
    assert sum(array.size for array in weights.values()) == network.count_params()


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


@pytest.mark.parametrize(
    "network",
    [build(4, 8), build(4, activation="gelu", batch_normalization=True, augment_shift=0.2), build(dense=(5,))],
    ids=["convolutions", "normalised", "dense"],
)
def test_a_saved_network_takes_the_same_pixels_as_whole_numbers_and_as_floats(network, tmp_path):
    saving.save(network, tmp_path / "model.keras")
    saved = saving.load(tmp_path / "model.keras")
    expected = np.asarray(network(IMAGES, training=False)).tobytes()
    for kind in (np.uint8, np.int64, np.float32, np.float64):
        assert np.asarray(saved(IMAGES.astype(kind), training=False)).tobytes() == expected
    assert logits(saved, IMAGES).tobytes() == logits(network, IMAGES).tobytes()
    assert logits(saved, IMAGES.astype(float)).tobytes() == logits(network, IMAGES).tobytes()
    between = np.asarray(saved(IMAGES * 0.5, training=False))
    assert np.abs(between - np.asarray(saved(IMAGES // 2, training=False))).max() > 0  # nothing is cut to whole numbers
