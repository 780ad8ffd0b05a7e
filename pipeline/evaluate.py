"""evaluate: what the network says of every test image, each counted once, and how it sees one of them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import prepare
from pipeline.config import paths
from pipeline.data import files
from pipeline.metrics.statistics import confusion, wilson
from pipeline.network import build as model
from pipeline.tracking.stage import stage

SMALLEST = 1e-7  # Keras clips probabilities there before it takes the logarithm


def cross_entropy(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Return the mean of -log p(true class), of probabilities (n, classes) and labels (n,)."""
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(of_truth, SMALLEST, 1 - SMALLEST)).mean())


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


def score(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> dict[str, Any]:
    """Return loss, and accuracy with its 95 % Wilson interval."""
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    low, high = wilson(correct, len(labels))
    return {
        "test_loss": cross_entropy(probabilities, labels),
        "test_accuracy": correct / len(labels),
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_images": len(labels),
        "wrong": len(labels) - correct,
    }


def main() -> None:
    """Write the probabilities of every test image, the scores, and the activation maps of the image that is shown."""
    with stage("evaluate") as run:
        test = prepare.load("test")
        chosen = run.params.visualise
        index = prepare.choose(chosen.image, test.images, chosen.seed, "visualise.image")
        network = model.load(paths.MODEL)
        probabilities = network.predict(np.asarray(test.images), batch_size=500, verbose=0)
        predicted = probabilities.argmax(axis=1).astype(np.uint8)
        maps = model.activations(network, np.asarray(test.images[index]))
        files.write_arrays(paths.ACTIVATIONS, image=np.array(index), **maps)
        files.write_arrays(paths.PREDICTIONS, probabilities=probabilities, predicted=predicted, labels=test.labels)
        pairs = [f"{label},{guess}" for label, guess in zip(test.labels, predicted, strict=True)]
        files.write_text(paths.CONFUSION, "\n".join(["label,predicted", *pairs]) + "\n")
        names = prepare.class_names()
        table = per_class(confusion(test.labels, predicted, len(names)), names)
        files.write_text(paths.CLASSES, table.to_csv(index=False))
        protocol = {"test_set": prepare.TEST_SET[run.params.prepare.validation]}
        files.write_json(paths.metrics("evaluate"), score(probabilities, test.labels) | protocol)


if __name__ == "__main__":
    main()
