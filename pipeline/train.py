"""train: the network learns from the training images, watched on the validation images."""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline import prepare
from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.params import Train
from pipeline.data import files
from pipeline.figures import style as figures
from pipeline.network import build as model
from pipeline.network.backend import keras, seed_everything, spread_over, tf
from pipeline.network.fused import PARTS, twin
from pipeline.tracking.run import StageRun
from pipeline.tracking.stage import stage

STREAM_ABOVE = 64 * 2**20  # bytes of training images; below, Keras shuffles them all in memory, which is quicker
BLOCK = 32  # batches


class LogEpochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Sends every epoch's metrics to the tracked run while the network still learns."""

    def __init__(self, run: StageRun) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Log one epoch; Keras counts from 0, the curves from 1. Raises UserError when the network has diverged."""
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs[name]):
                raise UserError(
                    f"train: the {name} of epoch {epoch + 1} is {logs[name]}: the network has diverged; "
                    "lower train.learning_rate in params.yaml"
                )
        self.run.log_epoch(epoch + 1, {name: float(value) for name, value in logs.items()})


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
    loss: Any = "sparse_categorical_crossentropy"
    if settings.label_smoothing:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    network.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return network


def targets(labels: NDArray[np.uint8], classes: int, settings: Train) -> NDArray[Any]:
    """Return labels (n,) as the loss takes them: with label smoothing as probabilities (n, classes)."""
    return np.eye(classes, dtype=np.float32)[labels] if settings.label_smoothing else labels


def streamed(images: NDArray[np.uint8], wanted: NDArray[Any], settings: Train) -> Any:
    """Return batches of images (n, height, width) and targets, in another order each epoch, as they are needed.

    Keras keeps three copies of an array that it trains on; a block of batches is all that is copied here.
    """
    random = np.random.default_rng(settings.seed)

    def blocks() -> Iterator[tuple[NDArray[np.uint8], NDArray[Any]]]:
        order = random.permutation(len(images))
        for start in range(0, len(order), BLOCK * settings.batch_size):
            chosen = order[start : start + BLOCK * settings.batch_size]
            yield images[chosen], wanted[chosen]

    kinds = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (images, wanted))
    batches = tf.data.Dataset.from_generator(blocks, output_signature=kinds).rebatch(settings.batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(math.ceil(len(images) / settings.batch_size)))


def class_weights(labels: NDArray[np.uint8], classes: int) -> dict[int, float]:
    """Return the weights under which every class counts the same, and an image 1 on average."""
    counts = np.bincount(labels, minlength=classes)
    return {label: float(len(labels) / ((counts > 0).sum() * max(count, 1))) for label, count in enumerate(counts)}


def fit(
    network: keras.Model, train: prepare.Split, validation: prepare.Split, settings: Train, run: StageRun
) -> tuple[pd.DataFrame, int]:
    """Train the network; return one row an epoch, and the epoch, counted from 1, whose weights the network has now.

    The columns are epoch, loss, accuracy, val_loss, val_accuracy. It is the network's twin that learns, in half the
    time; the weights and the optimiser's state are the network's.
    """
    # TensorFlow's max pooling has no gradient for a part without images
    smallest = min((len(split.images) - 1) % settings.batch_size + 1 for split in (train, validation))
    fast = twin(network, smallest)
    classes = network.output_shape[-1]
    callbacks: list[keras.callbacks.Callback] = [LogEpochs(run)]
    if settings.early_stopping:
        stopping = keras.callbacks.EarlyStopping(patience=settings.early_stopping, restore_best_weights=True)
        callbacks.append(stopping)
    wanted = targets(train.labels, classes, settings)
    if train.images.nbytes > STREAM_ABOVE:
        data = {"x": streamed(train.images, wanted, settings), "shuffle": False}
    else:
        data = {"x": np.asarray(train.images), "y": wanted, "batch_size": settings.batch_size}
    progress = fast.fit(
        **data,
        epochs=settings.epochs,
        validation_data=(np.asarray(validation.images), targets(validation.labels, classes, settings)),
        class_weight=class_weights(train.labels, classes) if settings.class_weights else None,
        callbacks=callbacks,
        validation_batch_size=settings.batch_size,
        verbose=1 if sys.stdout.isatty() else 2,  # a bar, or in a log file a line an epoch
    )
    network.set_weights(fast.get_weights())
    history = pd.DataFrame(progress.history)[["loss", "accuracy", "val_loss", "val_accuracy"]]
    history.insert(0, "epoch", range(1, len(history) + 1))
    return history, stopping.best_epoch + 1 if settings.early_stopping else len(history)


def draw_curves(history: pd.DataFrame, kept: int) -> Figure:
    """Draw loss and accuracy by epoch, training against validation, and the epoch whose weights were kept."""
    figure, ((losses, accuracies),) = figures.canvas(1, 2, height=3.0)
    for axes, measure, title in ((losses, "loss", "loss"), (accuracies, "accuracy", "accuracy")):
        axes.plot(history["epoch"], history[measure], "o-", color=figures.GREY, label="training")
        axes.plot(history["epoch"], history[f"val_{measure}"], "o-", color=figures.BLUE, label="validation")
        if kept < len(history):
            axes.axvline(kept, color=figures.ORANGE, linewidth=0.8, label="weights kept")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend()
    return figure


def main() -> None:
    """Write the model, its layer table, its kernels before and after, and what each epoch brought."""
    with stage("train") as run:
        settings = run.params
        train, validation = prepare.load("train"), prepare.load("validation")
        seed_everything(settings.train.seed)
        if not settings.model.batch_normalization:  # which needs the whole batch
            spread_over(PARTS)
        height, width = train.images.shape[1:]
        network = model.build(settings.model, (height, width), len(prepare.class_names()))
        compiled(network, settings.train, len(train.images))
        kernels = {f"initial/{layer}": weights.copy() for layer, weights in model.kernels(network).items()}
        history, kept = fit(network, train, validation, settings.train, run)

        kernels |= {f"learnt/{layer}": weights for layer, weights in model.kernels(network).items()}
        files.write_arrays(paths.TRAINED_KERNELS, **kernels)
        model.save(network, paths.MODEL)
        files.write_json(paths.LAYERS, {"layers": model.layer_table(network)})
        lines: list[str] = []
        network.summary(print_fn=lines.append, line_length=80)
        files.write_text(paths.LAYERS_TEXT, "\n".join(lines) + "\n")
        files.write_text(paths.HISTORY, history.to_csv(index=False))
        figures.save(draw_curves(history, kept), paths.figures("train") / "curves.png")
        row = history.iloc[kept - 1]
        files.write_json(
            paths.metrics("train"),
            {
                **{str(name): value for name, value in history.iloc[-1].drop("epoch").items()},
                "kept_epoch": kept,
                "kept_val_loss": row["val_loss"],
                "kept_val_accuracy": row["val_accuracy"],
                "parameters": network.count_params(),
            },
        )


if __name__ == "__main__":
    main()
