"""train: the network learns from the training images, watched on the validation images."""

import sys

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.network import saving
from pipeline.network.backend import seed_everything, use_native_instructions
from pipeline.network.build import build
from pipeline.network.continued import ContinuedLearner
from pipeline.network.fused import micro_batches
from pipeline.network.training import compiled, fit, learner
from pipeline.tracking.stage import stage


def main() -> None:
    """Write the model, its weights, its layer table, its kernels before and after, and what each epoch brought."""
    with stage("train") as run:
        settings = run.params
        train, validation = prepared.load("train"), prepared.load("validation")
        parts = micro_batches(settings.train.batch_size, len(train.images), len(validation.images))
        if settings.train.native:
            use_native_instructions()
        seed_everything(settings.train.seed)
        height, width = train.images.shape[1:]
        network = build(settings.model, (height, width), len(prepared.class_names()))
        compiled(network, settings.train, len(train.images))
        kernels = {f"initial/{layer}": weights.copy() for layer, weights in saving.kernels(network).items()}
        checkpoint = run.checkpoint()
        fast = ContinuedLearner(learner(network, settings.train, parts), checkpoint, run.name)
        if fast.epochs:
            print(
                f"train: goes on after epoch {fast.epochs} of {settings.train.epochs}, which {checkpoint} holds",
                flush=True,
            )
            run.tag("continues", fast.first)
            for epoch in range(fast.epochs):
                run.log_epoch(epoch + 1, {name: values[epoch] for name, values in fast.curves.items()})
        verbose = 1 if sys.stdout.isatty() else 2  # a bar, or in a log file a line an epoch
        history, best = fit(fast, train, validation, settings.train, run.log_epoch, verbose)
        network.set_weights(fast.learner.get_weights())

        kernels |= {f"learnt/{layer}": weights for layer, weights in saving.kernels(network).items()}
        files.write_arrays(paths.TRAINED_KERNELS, **kernels)
        files.write_arrays(paths.WEIGHTS, **saving.weights(network))
        saving.save(network, paths.MODEL)
        files.write_json(paths.LAYERS, {"layers": saving.layer_table(network)})
        lines: list[str] = []
        network.summary(print_fn=lines.append, line_length=80)
        files.write_text(paths.LAYERS_TEXT, "\n".join(lines) + "\n")
        files.write_text(paths.HISTORY, history.to_csv(index=False))
        row = history.iloc[best - 1]
        files.write_json(
            paths.metrics("train"),
            {
                **{str(name): value for name, value in history.iloc[-1].drop("epoch").items()},
                "best_epoch": best,
                "best_val_loss": row["val_loss"],
                "best_val_accuracy": row["val_accuracy"],
                "parameters": network.count_params(),
            },
        )
        checkpoint.remove()


if __name__ == "__main__":
    main()
