"""playground: a page on which one draws, and the run's own network answers and shows how."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.config.sections import Model, Params
from pipeline.data import files, prepared
from pipeline.network.kernels import edge_bank
from pipeline.page.playground import array, images_text, render_playground
from pipeline.sources.centred import BOX, DATASET
from pipeline.tracking.stage import stage

Weights = dict[str, NDArray[np.float32]]

LARGEST = 5_500_000  # bytes of weights: as text they are a third longer, and the page stays below 8 MB
IMAGES = 400_000  # letters of test images, packed, at most
FIRST, MISTAKES, SHOWN = 500, 60, 12  # test images that the page holds, mistakes beside them, and of each those shown
SHAPING = ("prepare", "model", "train")  # the sections whose settings made the network
LEFT_OUT = {"Rescaling", "Reshape", "Dropout", "RandomRotation", "RandomTranslation"}  # they do nothing to an answer


def layers(table: Iterable[dict[str, Any]], settings: Model, weights: Weights) -> list[dict[str, Any]]:
    """Return the layers that an answer takes, in their order: type, what the page needs of it, and weights by name.

    The last one's softmax is left to the page, which shows the logits too.
    """
    told = []
    for row in table:
        if row["type"] in LEFT_OUT:
            continue
        name, kind = row["layer"], row["type"]
        own = {key.split("/")[1]: value for key, value in weights.items() if key.split("/")[0] == name}
        layer = {"name": name, "type": kind, "weights": own}
        hidden = kind in ("Conv2D", "Dense") and name != "probabilities" and not settings.batch_normalization
        if kind == "Activation" or hidden:
            layer["activation"] = settings.activation
        if kind == "Conv2D":
            layer["padding"] = settings.padding
        if kind.endswith("Pooling2D"):
            layer["size"] = settings.pool_size
        told.append(layer)
    return told


def surest_mistakes(test: prepared.Split, predicted: NDArray[np.intp], confidence: NDArray[np.float32]) -> list[int]:
    """Return the indices of images that the network gets wrong, the surest first."""
    wrong = np.flatnonzero(predicted != test.labels)
    return [int(index) for index in wrong[np.argsort(-confidence[wrong], kind="stable")]]


def told_images(test: prepared.Split, probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Return the test images of the page, what the network said of each, and which are shown as pictures.

    They are the first ones, and further ones that it gets wrong, the surest first: fewer of both where they are large.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    mistakes = surest_mistakes(test, predicted, confidence)
    for halved in range(FIRST.bit_length()):
        first = min(FIRST >> halved, len(test.images))
        indices = [*range(first), *(index for index in mistakes[: MISTAKES >> halved] if index >= first)]
        text = images_text(np.asarray(test.images[indices]))
        if len(text) <= IMAGES:
            break
    right = [index for index in indices if predicted[index] == test.labels[index]]
    return {
        "packed": text,
        "indices": indices,
        "labels": test.labels[indices].tolist(),
        "predicted": predicted[indices].tolist(),
        "confidence": [round(float(value), 6) for value in confidence[indices]],
        "shown": [*right[:SHOWN], *[index for index in mistakes if index in indices][:SHOWN]],
    }


def carried(
    settings: Params,
    names: list[str],
    test: prepared.Split,
    probabilities: NDArray[np.float32],
    table: Iterable[dict[str, Any]],
    weights: Weights,
    kernels: Weights,
) -> dict[str, Any]:
    """Return what the page computes with.

    `probabilities` (n, classes) are those of the test images, `table` the network's layers, `kernels` those of
    convolutions before and after training, by initial/<layer> and learnt/<layer>.
    """
    precision = precision_of(weights)
    own = layers(table, settings.model, weights)
    first = next((f"initial/{layer['name']}" for layer in own if layer["type"] == "Conv2D"), None)
    return {
        "size": test.images.shape[1:],
        "classes": names,
        "centred": is_centred(settings),
        "activation": settings.model.activation,
        "layers": [
            layer | {"weights": {name: array(value, precision) for name, value in layer["weights"].items()}}
            for layer in own
        ],
        "initial": array(kernels[first], np.float32) if first else None,
        "edges": edge_bank().round(6).reshape(-1, 9).tolist(),
        "random": {name: getattr(settings.kernel_demo, name) for name in ("low", "high", "kernels")},
        "images": told_images(test, probabilities),
    }


def precision_of(weights: Weights) -> type[np.floating]:
    """Return the type as which the page holds weights: half of single precision where that would be too large."""
    return np.float32 if bytes_of(weights) <= LARGEST else np.float16


def bytes_of(weights: Weights) -> int:
    """Return how many bytes weights are, in single precision."""
    return sum(value.nbytes for value in weights.values())


def is_centred(settings: Params) -> bool:
    """Tell whether each image of the data set was cut to its box, fitted and centred, as MNIST's authors did."""
    return settings.fetch.dataset == DATASET


def said(settings: Params, names: list[str], size: tuple[int, ...], weights: Weights) -> dict[str, Any]:
    """Return what the page says beside what it computes, of images (height, width)."""
    return {
        "settings": {"fetch.dataset": Path(settings.fetch.dataset).name}  # and not in whose home it lies
        | {
            f"{name}.{key}": list(value) if isinstance(value := getattr(section, key), tuple) else value
            for name in SHAPING
            for section in [getattr(settings, name)]
            for key in type(section).model_fields
        },
        "model": settings.model,
        "classes": names,
        "size": size,
        "box": int(min(size) * BOX + 0.5),
        "what": "a digit" if is_centred(settings) else "an image",
        "centred": is_centred(settings),
        "bytes": bytes_of(weights),
        "largest": 2 * LARGEST,
        "half": precision_of(weights) is np.float16,
    }


def main() -> None:
    """Write report/playground.html."""
    with stage("playground") as run:
        weights, kernels = (dict(np.load(path)) for path in (paths.WEIGHTS, paths.TRAINED_KERNELS))
        test, names = prepared.load("test"), prepared.class_names()
        content = said(run.params, names, test.images.shape[1:], weights) | {
            "metrics": files.read_json(paths.metrics("evaluate")),
            "parameters": files.read_json(paths.metrics("train"))["parameters"],
            "key": hashlib.md5(paths.WEIGHTS.read_bytes(), usedforsecurity=False).hexdigest(),
        }
        data = None
        if content["bytes"] <= content["largest"]:
            probabilities, table = np.load(paths.PREDICTIONS)["probabilities"], files.read_json(paths.LAYERS)["layers"]
            data = carried(run.params, names, test, probabilities, table, weights, kernels)
        files.write_text(paths.PLAYGROUND, render_playground(content, data))


if __name__ == "__main__":
    main()
