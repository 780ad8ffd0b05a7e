"""How the network learns: optimiser, schedule, input pipeline, and the fit itself."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.sections import Train
from pipeline.data.prepared import Split
from pipeline.network.backend import keras, tf
from pipeline.network.fused import fused

OnEpoch = Callable[[int, dict[str, float]], None]
STEPS = 32  # in one call of the graph
BLOCK = 32  # batches that are copied at once


class Epochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Knows which epoch it is, counted from 0 as Keras does, and tells its metrics while the network still learns."""

    def __init__(self, on_epoch: OnEpoch) -> None:
        super().__init__()
        self.on_epoch = on_epoch
        self.current = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch."""
        self.current = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Tell the epoch, counted from 1 as in the curves. Raises UserError when the network has diverged."""
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs[name]):
                raise UserError(
                    f"train: the {name} of epoch {epoch + 1} is {logs[name]}: the network has diverged; "
                    "lower train.learning_rate in params.yaml"
                )
        self.on_epoch(epoch + 1, {name: float(value) for name, value in logs.items()})


def learning_rate(settings: Train, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate over so many steps.

    One cycle: Smith and Topin, Super-convergence (2018), arXiv:1708.07120.
    """
    highest, rising = settings.learning_rate, max(steps * 3 // 10, 1)
    match settings.schedule:
        case "constant":
            return highest
        case "cosine":
            return keras.optimizers.schedules.CosineDecay(highest, steps)
        case "one_cycle":
            return keras.optimizers.schedules.CosineDecay(
                highest / 25, max(steps - rising, 1), warmup_target=highest, warmup_steps=rising
            )


def compiled(network: keras.Model, settings: Train, images: int) -> keras.Model:
    """Return the network with its optimiser, its loss and accuracy, for a training set of so many images."""
    rate = learning_rate(settings, settings.epochs * math.ceil(images / settings.batch_size))
    optimizer = {
        "adam": lambda: keras.optimizers.Adam(rate),
        "adamw": lambda: keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay),
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=settings.momentum),
        "adadelta": lambda: keras.optimizers.Adadelta(rate),
    }[settings.optimizer]()
    network.compile(optimizer=optimizer, loss=cross_entropy(settings), metrics=["accuracy"])
    return network


def cross_entropy(settings: Train, from_logits: bool = False) -> keras.losses.Loss:
    """Return the loss of labels as `targets` gives them, against probabilities or against logits."""
    if settings.label_smoothing:
        return keras.losses.CategoricalCrossentropy(from_logits, label_smoothing=settings.label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)


def targets(labels: NDArray[np.uint8], classes: int, settings: Train) -> NDArray[Any]:
    """Return labels (n,) as the loss takes them: with label smoothing as probabilities (n, classes)."""
    return np.eye(classes, dtype=np.float32)[labels] if settings.label_smoothing else labels


def batches(images: NDArray[np.uint8], wanted: NDArray[Any], settings: Train, epochs: Epochs) -> Any:
    """Return batches of images (n, height, width) and targets, as they are needed.

    Their order follows from the seed and the epoch alone, so that training can start at any. Keras keeps three copies
    of an array that it trains on; a block of batches is all that is copied here.
    """

    def blocks() -> Iterator[tuple[NDArray[np.uint8], NDArray[Any]]]:
        order = np.random.default_rng([settings.seed, epochs.current]).permutation(len(images))
        for start in range(0, len(order), BLOCK * settings.batch_size):
            chosen = order[start : start + BLOCK * settings.batch_size]
            yield images[chosen], wanted[chosen]

    kinds = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (images, wanted))
    dataset = tf.data.Dataset.from_generator(blocks, output_signature=kinds).rebatch(settings.batch_size).prefetch(1)
    return dataset.apply(tf.data.experimental.assert_cardinality(math.ceil(len(images) / settings.batch_size)))


def class_weights(labels: NDArray[np.uint8], classes: int) -> dict[int, float]:
    """Return the weights under which every class counts the same, and an image 1 on average."""
    counts = np.bincount(labels, minlength=classes)
    return {label: float(len(labels) / ((counts > 0).sum() * max(count, 1))) for label, count in enumerate(counts)}


def learner(network: keras.Model, settings: Train, parts: int) -> keras.Model:
    """Return the fused network that learns in a network's stead, with its optimiser, and with its loss of logits."""
    fast = fused(network, parts)
    loss = cross_entropy(settings, from_logits=True)
    fast.compile(network.optimizer, loss, metrics=["accuracy"], steps_per_execution=STEPS)
    return fast


def fit(
    fast: keras.Model, train: Split, validation: Split, settings: Train, on_epoch: OnEpoch, verbose: int
) -> tuple[pd.DataFrame, int]:
    """Train a learner; return one row an epoch, and the epoch, counted from 1, whose weights it has now.

    The columns are epoch, loss, accuracy, val_loss, val_accuracy. `on_epoch` is called after every epoch, counted
    from 1. `verbose` is Keras's: 0 is silent, 1 a bar, 2 a line an epoch.
    """
    classes = fast.network.output_shape[-1]
    epochs = Epochs(on_epoch)
    callbacks: list[keras.callbacks.Callback] = [epochs]
    if settings.early_stopping:
        stopping = keras.callbacks.EarlyStopping(patience=settings.early_stopping, restore_best_weights=True)
        callbacks.append(stopping)
    progress = fast.fit(
        batches(train.images, targets(train.labels, classes, settings), settings, epochs),
        shuffle=False,  # they come shuffled
        epochs=settings.epochs,
        validation_data=(np.asarray(validation.images), targets(validation.labels, classes, settings)),
        class_weight=class_weights(train.labels, classes) if settings.class_weights else None,
        callbacks=callbacks,
        validation_batch_size=settings.batch_size,
        verbose=verbose,
    )
    history = pd.DataFrame(progress.history)[["loss", "accuracy", "val_loss", "val_accuracy"]]
    history.insert(0, "epoch", range(1, len(history) + 1))
    return history, stopping.best_epoch + 1 if settings.early_stopping else len(history)
