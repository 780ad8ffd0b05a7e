"""What networks say of training images that they have not learnt: cross-validation."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.data.checkpoints import Checkpoint
from pipeline.data.prepared import Split
from pipeline.network.traced import TracedNetwork

OnFold = Callable[[int, float], None]


def stratified(labels: NDArray[np.uint8], classes: Sequence[str], folds: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each image, counted from 0: labels (n,) to (n,).

    The seed shuffles the images of each class, which are then dealt out in turn, one class after another: two folds
    differ by one image at most, as a whole and in each class. Raises UserError when a class has fewer images than
    there are folds. Kohavi, A study of cross-validation and bootstrap, IJCAI (1995).
    """
    counts = np.bincount(labels, minlength=len(classes))
    smallest = int(np.where(counts, counts, len(labels) + 1).argmin())  # a class without images needs no fold
    if counts[smallest] < folds:
        raise UserError(
            f"params.yaml: evaluate.folds: found {folds}; each fold needs a training image of every class, "
            f"and of {classes[smallest]} there are {counts[smallest]}"
        )
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]
    numbers = np.empty(len(labels), np.intp)
    numbers[dealt] = np.arange(len(labels)) % folds
    return numbers


def cross_validated(
    settings: Params, train: Split, validation: Split, classes: Sequence[str], folds: int, seed: int, on_fold: OnFold,
    checkpoint: Checkpoint,
) -> NDArray[np.float32]:  # fmt: skip
    """Return the logits (n, classes) of the training images, each by a network that learnt from the other folds alone.

    Every fold's network begins and learns as the train stage's does, by the same settings and watched on the same
    validation images. `on_fold` is called after every fold, counted from 1, with the share of its images that the
    network got right. Folds that a checkpoint holds are not learnt again. Raises UserError as `stratified` does, and
    when a network diverges.
    """
    numbers = stratified(train.labels, classes, folds, seed)
    empty = np.zeros((len(train.labels), len(classes)), np.float32)
    state, arrays = checkpoint.read() or ({"folds": 0}, {"logits": empty})
    logits: NDArray[np.float32] = arrays["logits"]
    if state["folds"]:
        print(f"evaluate: goes on after fold {state['folds']} of {folds}, which {checkpoint} holds", flush=True)
    traced = lru_cache(maxsize=1)(TracedNetwork)  # folds of one size follow each other, and share its graphs
    for fold in range(state["folds"], folds):
        left_out = numbers == fold
        rest = Split(train.images[~left_out], train.labels[~left_out])
        images, labels = train.images[left_out], train.labels[left_out]
        network = traced(
            settings.model, settings.train, images.shape[1:], len(classes),
            len(rest.images), len(validation.images), len(images),
        )  # fmt: skip
        network.fit(rest, validation, settings.train)
        logits[left_out] = network.logits(images)
        checkpoint.write({"folds": fold + 1}, {"logits": logits})
        on_fold(fold + 1, float((logits[left_out].argmax(axis=1) == labels).mean()))
    return logits
