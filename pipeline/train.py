"""train: the network learns from the training images, watched on the validation images."""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline import figures, files, model, paths, prepare
from pipeline.backend import keras, seed_everything
from pipeline.params import Train
from pipeline.stage import stage
from pipeline.tracking import StageRun


class LogEpochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Sends every epoch's metrics to the tracked run while the network still learns."""

    def __init__(self, run: StageRun) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Log one epoch; Keras counts from 0, the curves from 1."""
        self.run.log_epoch(epoch + 1, {name: float(value) for name, value in logs.items()})


def compiled(network: keras.Model, settings: Train) -> keras.Model:
    """Return the network with its optimiser, its loss (cross-entropy) and accuracy."""
    network.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network


def fit(
    network: keras.Model, train: prepare.Split, validation: prepare.Split, settings: Train, run: StageRun
) -> pd.DataFrame:
    """Train the network; return one row an epoch: epoch, loss, accuracy, val_loss, val_accuracy."""
    progress = network.fit(
        np.asarray(train.images),
        train.labels,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=(np.asarray(validation.images), validation.labels),
        callbacks=[LogEpochs(run)],
        verbose=1 if sys.stdout.isatty() else 2,  # a bar, or in a log file a line an epoch
    )
    history = pd.DataFrame(progress.history)[["loss", "accuracy", "val_loss", "val_accuracy"]]
    history.insert(0, "epoch", range(1, len(history) + 1))
    return history


def draw_curves(history: pd.DataFrame) -> Figure:
    """Draw loss and accuracy by epoch, training against validation."""
    figure, ((losses, accuracies),) = figures.canvas(1, 2, height=3.0)
    for axes, measure, title in ((losses, "loss", "cross-entropy loss"), (accuracies, "accuracy", "accuracy")):
        axes.plot(history["epoch"], history[measure], "o-", color=figures.GREY, label="training, dropout on")
        axes.plot(history["epoch"], history[f"val_{measure}"], "o-", color=figures.BLUE, label="validation")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend()
    return figure


def main() -> None:
    """Write the model, its layer table and first kernels, and what each epoch brought."""
    with stage("train") as run:
        settings = run.params
        train, validation = prepare.load("train"), prepare.load("validation")
        seed_everything(settings.train.seed)
        height, width = train.images.shape[1:]
        classes = len(files.read_json(paths.metrics("prepare"))["train_class_counts"])
        network = compiled(model.build(settings.model, (height, width), classes), settings.train)
        files.write_arrays(paths.INITIAL_KERNELS, **model.kernels(network))
        history = fit(network, train, validation, settings.train, run)

        model.save(network, paths.MODEL)
        files.write_json(paths.LAYERS, {"layers": model.layer_table(network)})
        lines: list[str] = []
        network.summary(print_fn=lines.append, line_length=80)
        files.write_text(paths.LAYERS_TEXT, "\n".join(lines) + "\n")
        files.write_text(paths.HISTORY, history.to_csv(index=False))
        figures.save(draw_curves(history), paths.figures("train") / "curves.png")
        last = history.iloc[-1].drop("epoch")
        files.write_json(
            paths.metrics("train"),
            {**{str(name): value for name, value in last.items()}, "parameters": network.count_params()},
        )


if __name__ == "__main__":
    main()
