"""One trial: prepare, train, evaluate and error analysis as the stages do them, on arrays, for one set of settings."""

import hashlib
import time
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.data import prepared
from pipeline.metrics.scores import confidence, score, separation, softmax
from pipeline.metrics.shifts import shift_accuracy_by_image
from pipeline.network.backend import tf
from pipeline.network.traced import TracedNetwork
from pipeline.studies.outcome import Data, Outcome

_traced = lru_cache(maxsize=2)(TracedNetwork)  # a process runs the trials of an arm one after another


def run(settings: Params, data: Data) -> Outcome:
    """Train a network and measure it; that it diverges, or that memory does not hold it, is an outcome too."""
    try:
        return _run(settings, data)
    except UserError as error:
        return Outcome(failed=str(error))
    except (MemoryError, tf.errors.ResourceExhaustedError):
        return Outcome(failed="out of memory", again=True)


def _run(settings: Params, data: Data) -> Outcome:
    splits = prepared.split(data.pool, data.test, settings.prepare)
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    height, width = test.images.shape[1:]
    seedless = settings.train.model_copy(update={"seed": 0})
    started = time.perf_counter()
    network = _traced(
        settings.model, seedless, (height, width), len(data.classes),
        len(train.images), len(validation.images), len(test.images),
    )  # fmt: skip
    history, best = network.fit(train, validation, settings.train)
    seconds = time.perf_counter() - started

    probabilities = softmax(network.logits(test.images))
    predicted = probabilities.argmax(axis=1).astype(np.uint8)
    confidences = confidence(probabilities)
    shifted = shift_accuracy_by_image(test.images, test.labels, lambda moved: network.logits(moved).argmax(axis=1))
    last, kept = history.iloc[-1], history.iloc[best - 1]
    return Outcome(
        scores={
            **score(probabilities, test.labels),
            **separation(confidences, predicted != test.labels),
            "val_accuracy": float(kept["val_accuracy"]),
            "val_loss": float(kept["val_loss"]),
            "accuracy": float(last["accuracy"]),
            "loss": float(last["loss"]),
            "shift_4_accuracy": float(shifted.mean(dtype=np.float64)),
        },
        history=history,
        predicted=predicted,
        confidence=confidences,
        probability_of_label=probabilities[np.arange(len(test.labels)), test.labels],
        shifted=shifted,
        weights=weights_hash(network.learner.get_weights()),
        parameters=sum(variable.numpy().size for variable in network.learner.network.weights),
        seconds=seconds,
    )


def weights_hash(weights: Sequence[NDArray[np.float32]]) -> str:
    """Return the SHA-256 of a network's weights, in their order."""
    return hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()
