"""Folds: each class in its share, and no image answered by a network that has learnt it."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.clones import SETTINGS
from support.networks import fit
from support.synthetic import synthetic_digits

from pipeline.config.errors import UserError
from pipeline.config.sections import Params, Train
from pipeline.data.checkpoints import Checkpoint
from pipeline.data.prepared import Split
from pipeline.metrics.labels import doubtful, label_quality
from pipeline.metrics.scores import softmax
from pipeline.metrics.statistics import auroc
from pipeline.network import folds as network_folds
from pipeline.network import training
from pipeline.network.backend import keras, seed_everything
from pipeline.network.build import build
from pipeline.network.folds import cross_validated, stratified
from pipeline.network.fused import logits, micro_batches

NAMES = [f"class {number}" for number in range(100)]
VALIDATION = synthetic_digits(50, 1)


def chosen(**changes: object) -> Params:
    """Settings of a small network and of a short training."""
    learning = {"epochs": 3, "batch_size": 20, "learning_rate": 0.01, "seed": 4} | changes
    return SETTINGS.model_copy(
        update={
            "model": SETTINGS.model.model_copy(update={"filters": (4,)}),
            "train": SETTINGS.train.model_copy(update=learning),
        }
    )


def silent(*_: object) -> None:
    """Tell nothing of a fold."""


@given(st.lists(st.sampled_from([0, *range(5, 40)]), min_size=1, max_size=12).filter(any), st.integers(2, 5), st.data())
@settings(deadline=None)
def test_every_image_is_in_one_fold_and_folds_differ_by_one_image_at_most_in_each_class_and_as_a_whole(
    counts: list[int], folds: int, data: st.DataObject
):
    labels = np.array(data.draw(st.permutations(np.repeat(np.arange(len(counts)), counts))), np.uint8)
    numbers = stratified(labels, NAMES[: len(counts)], folds, seed=0)
    sizes = np.bincount(numbers, minlength=folds)
    assert (len(sizes), sizes.sum()) == (folds, len(labels))
    assert np.ptp(sizes) <= 1
    for label in range(len(counts)):
        assert np.ptp(np.bincount(numbers[labels == label], minlength=folds)) <= 1


def test_a_seed_gives_the_same_folds_every_time_and_another_seed_others():
    labels = synthetic_digits(100, 0).labels
    first, again, other = (stratified(labels, NAMES[:10], 4, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_images_are_dealt_in_the_seeds_order_whichever_way_the_cpu_sorts():
    labels = np.random.default_rng(1).integers(0, 3, 500).astype(np.uint8)
    shuffled = np.random.default_rng(7).permutation(500)
    dealt = [image for label in range(3) for image in shuffled if labels[image] == label]
    np.testing.assert_array_equal(stratified(labels, NAMES[:3], 4, seed=7)[dealt], np.arange(500) % 4)


def test_a_class_with_fewer_images_than_folds_is_told_by_its_name_before_anything_is_learnt(checkpoint: Checkpoint):
    labels = np.repeat(np.arange(3, dtype=np.uint8), [10, 4, 7])
    message = (
        "params.yaml: evaluate.folds: found 5; each fold needs a training image of every class, and of cat there are 4"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        cross_validated(
            chosen(),
            Split(np.zeros((21, 9, 9), np.uint8), labels),
            VALIDATION,
            ["ant", "cat", "dog"],
            5,
            0,
            silent,
            checkpoint,
        )
    assert set(stratified(labels, ["ant", "cat", "dog"], 4, seed=0)) == {0, 1, 2, 3}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """A checkpoint that does not exist yet."""
    return Checkpoint(tmp_path, "evaluate", {})


class Memory:
    """In a network's place: knows every image that it has learnt, and answers with its own number."""

    born = 0

    def __init__(self, *_: object) -> None:
        self.learnt: set[bytes] = set()

    def fit(self, train: Split, validation: Split, settings: Train) -> None:
        Memory.born += 1
        self.number, self.classes = Memory.born, 100
        self.learnt = {image.tobytes() for image in train.images}
        self.rest = len(train.images)
        assert validation is VALIDATION
        assert settings == chosen().train

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert not self.learnt & {image.tobytes() for image in images}
        assert self.rest + len(images) == 1003
        return np.full((len(images), self.classes), self.number, np.float32)


def test_every_image_is_answered_once_by_a_network_that_has_not_learnt_it(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
):
    monkeypatch.setattr(network_folds, "TracedNetwork", Memory)
    monkeypatch.setattr(Memory, "born", 0)
    images = np.arange(1003 * 4, dtype=np.uint16).view(np.uint8).reshape(1003, 2, 4)  # no two are alike
    labels = (np.arange(1003) % 100).astype(np.uint8)
    told: list[tuple[int, float]] = []
    answered = cross_validated(
        chosen(), Split(images, labels), VALIDATION, NAMES, 4, 0, lambda *fold: told.append(fold), checkpoint
    )
    assert answered.shape == (1003, 100)
    assert answered.dtype == np.float32
    numbers = stratified(labels, NAMES, 4, seed=0)
    np.testing.assert_array_equal(answered, np.repeat(numbers[:, None] + 1, 100, axis=1))
    assert told == [(fold + 1, (labels[numbers == fold] == 0).mean()) for fold in range(4)]


def test_folds_that_were_done_when_the_process_was_killed_are_not_learnt_again(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
):
    monkeypatch.setattr(network_folds, "TracedNetwork", Memory)
    monkeypatch.setattr(Memory, "born", 0)
    images = np.arange(1003 * 4, dtype=np.uint16).view(np.uint8).reshape(1003, 2, 4)
    train = Split(images, (np.arange(1003) % 100).astype(np.uint8))

    def killed(fold: int, _share: float) -> None:
        if fold == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validated(chosen(), train, VALIDATION, NAMES, 5, 0, killed, checkpoint)
    told: list[int] = []
    answered = cross_validated(chosen(), train, VALIDATION, NAMES, 5, 0, lambda fold, _: told.append(fold), checkpoint)
    assert told == [4, 5]
    assert Memory.born == 5
    np.testing.assert_array_equal(answered[:, 0], stratified(train.labels, NAMES, 5, seed=0) + 1)


def test_a_folds_network_is_byte_for_byte_the_one_that_the_train_stage_would_make_of_the_other_folds(
    checkpoint: Checkpoint,
):
    chose = chosen(early_stopping=1, schedule="one_cycle", label_smoothing=0.1, class_weights=True)
    train = synthetic_digits(122, 0)
    answered = cross_validated(chose, train, VALIDATION, NAMES[:10], 3, 5, silent, checkpoint)
    numbers = stratified(train.labels, NAMES[:10], 3, seed=5)
    for fold in (1, 2):  # of 41 images, with the graph of the fold before it, and of 40, with a graph of its own
        left_out = numbers == fold
        rest = Split(train.images[~left_out], train.labels[~left_out])
        keras.backend.clear_session()
        seed_everything(chose.train.seed)
        network = training.compiled(build(chose.model, (28, 28), 10), chose.train, len(rest.images))
        fit(network, rest, VALIDATION, chose.train, micro_batches(20, len(rest.images), len(VALIDATION.images)))
        np.testing.assert_array_equal(answered[left_out], logits(network, train.images[left_out]))


def test_labels_that_are_wrong_in_the_training_set_come_first(checkpoint: Checkpoint):
    train = synthetic_digits(300, 0)
    flipped = np.random.default_rng(0).permutation(300) < 15
    wrong = Split(train.images, np.where(flipped, (train.labels + 4) % 10, train.labels).astype(np.uint8))
    told: list[float] = []
    answered = cross_validated(
        chosen(epochs=8), wrong, VALIDATION, NAMES[:10], 2, 0, lambda _, share: told.append(share), checkpoint
    )
    assert min(told) > 0.85
    probabilities = softmax(answered)
    scores = label_quality(probabilities, wrong.labels)
    area = auroc(scores[~flipped], scores[flipped])
    assert area is not None
    assert area > 0.99
    assert flipped[doubtful(probabilities, wrong.labels, 10)["index"]].all()
