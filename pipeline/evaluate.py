"""evaluate: what the network says of every test image, each counted once, and how it sees one of them."""

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.config.sections import ErrorAnalysis
from pipeline.data import files, prepared
from pipeline.metrics.scores import score, softmax
from pipeline.metrics.shifts import shift_accuracy_by_image
from pipeline.metrics.statistics import confusion_matrix
from pipeline.network import saving
from pipeline.network.backend import use_native_instructions
from pipeline.network.evidence import evidence, grid
from pipeline.network.folds import cross_validated
from pipeline.network.inspect import activations
from pipeline.network.quick import quick_logits
from pipeline.tracking.stage import stage

SUREST = 3  # of the surest mistakes so many are shown with what spoke for them


def per_class(matrix: NDArray[np.int64], names: list[str]) -> pd.DataFrame:
    """Return one row a class from a confusion matrix: class, images, precision, recall, f1.

    A class that was never predicted has precision 0.
    """
    hits, given, true = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return pd.DataFrame(
        {
            "class": names,
            "images": true,
            "precision": hits / np.maximum(given, 1),
            "recall": hits / np.maximum(true, 1),
            "f1": 2 * hits / np.maximum(given + true, 1),
        }
    )


def in_order(names: list[str]) -> list[str]:
    """Return the names of classes for plots that sort them as texts: each behind its number, unless it is just that."""
    digits = len(str(len(names) - 1))
    numbers = [f"{index:0{digits}d}" for index in range(len(names))]
    return [
        number if name == str(index) else f"{number} {name}"
        for index, (number, name) in enumerate(zip(numbers, names, strict=True))
    ]


def examples(probabilities: NDArray[np.float32], labels: NDArray[np.uint8], settings: ErrorAnalysis) -> dict[str, int]:
    """Return the test images that are shown with what spoke for each answer: right, wrong, and the surest mistakes.

    Raises UserError when a named image is not of its kind. There is no right or no wrong one where there is none.
    """
    is_wrong = probabilities.argmax(axis=1) != labels
    found = {
        "right": prepared.choose_among(
            settings.right, np.flatnonzero(~is_wrong), settings.seed, "error_analysis.right"
        ),
        "wrong": prepared.choose_among(settings.wrong, np.flatnonzero(is_wrong), settings.seed, "error_analysis.wrong"),
    }
    wrong = np.flatnonzero(is_wrong)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:SUREST]
    found |= {f"mistake_{number}": int(index) for number, index in enumerate(surest, 1)}
    return {name: index for name, index in found.items() if index is not None}


def tell(folds: int, fold: int, right: float) -> None:
    """Print how a fold went, since each takes as long as training."""
    print(f"fold {fold} of {folds}: {right:.4f} of the images that this network had not learnt are right", flush=True)


def main() -> None:
    """Write what the network says of every test and validation image, the scores, and the maps of the image shown.

    Where folds are asked for, also what networks say of the training images that they have not learnt.
    """
    with stage("evaluate") as run:
        settings = run.params.evaluate
        test = prepared.load("test")
        index = prepared.choose(settings.image, test.images, settings.seed, "evaluate.image")
        if settings.folds and run.params.train.native:
            use_native_instructions()
        network = saving.load(paths.MODEL)
        images = np.asarray(test.images)
        logits = quick_logits(network, len(images))
        test_logits = logits(images)
        probabilities = softmax(test_logits)
        predicted = probabilities.argmax(axis=1).astype(np.uint8)
        maps = activations(network, images[index])
        shown = examples(probabilities, test.labels, run.params.error_analysis)
        files.write_arrays(paths.ACTIVATIONS, image=np.array(index), **maps)
        files.write_arrays(
            paths.EVIDENCE, **{f"image/{name}": np.array(number) for name, number in shown.items()},
            **asdict(evidence(network, images[list(shown.values())])), grid=np.array(grid(network)),
        )  # fmt: skip
        validation = prepared.load("validation")
        watched = np.asarray(validation.images)
        names = prepared.class_names()
        unlearnt: dict[str, NDArray[Any]] = {}
        if settings.folds:
            train, checkpoint = prepared.load("train"), run.checkpoint()
            answers = cross_validated(
                run.params, train, validation, names, settings.folds, settings.seed, partial(tell, settings.folds),
                checkpoint,
            )  # fmt: skip
            unlearnt = {"train_logits": answers, "train_labels": train.labels}
        files.write_arrays(
            paths.PREDICTIONS,
            logits=test_logits,
            probabilities=probabilities,
            predicted=predicted,
            labels=test.labels,
            validation_logits=quick_logits(network, len(watched))(watched),
            validation_labels=validation.labels,
            **unlearnt,
        )
        sorted_names = np.array(in_order(names))
        pairs = pd.DataFrame({"label": sorted_names[test.labels], "predicted": sorted_names[predicted]})
        files.write_text(paths.CONFUSION, pairs.to_csv(index=False))
        table = per_class(confusion_matrix(test.labels, predicted, len(names)), names)
        files.write_text(paths.CLASSES, table.to_csv(index=False))
        protocol = {"test_set": prepared.TEST_SET[run.params.prepare.validation]}
        shifted = shift_accuracy_by_image(images, test.labels, lambda moved: logits(moved).argmax(axis=1))
        scores = score(probabilities, test.labels) | {"shift_4_accuracy": float(shifted.mean(dtype=np.float64))}
        files.write_json(paths.metrics("evaluate"), scores | protocol | {"evaluate_image": index})
        if settings.folds:
            checkpoint.remove()


if __name__ == "__main__":
    main()
