"""The network: raw pixels in, one probability a class out."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import files
from pipeline.backend import keras
from pipeline.params import Model

layers = keras.layers


def build(settings: Model, image_shape: tuple[int, int], classes: int) -> keras.Model:
    """Return the untrained network for images uint8 (n, height, width): probabilities float32 (n, classes).

    Its layers are the article's; the first two only make raw pixels what the article feeds in.
    """
    model = keras.Sequential(name="convscope")
    model.add(keras.Input(image_shape, dtype="uint8", name="pixels"))
    model.add(layers.Rescaling(1 / 255, name="scale"))  # to [0, 1]
    model.add(layers.Reshape((*image_shape, 1), name="channel"))
    for number, filters in enumerate(settings.filters, 1):
        model.add(layers.Conv2D(filters, settings.kernel_size, activation="relu", name=f"convolution_{number}"))
    model.add(layers.MaxPooling2D(settings.pool_size, name="max_pooling"))
    model.add(layers.Dropout(settings.dropout, name="dropout"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dropout(settings.dense_dropout, name="dense_dropout"))
    model.add(layers.Dense(classes, activation="softmax", name="probabilities"))
    return model


def convolutions(model: keras.Model) -> list[keras.layers.Conv2D]:
    """Return the convolution layers, the first one first."""
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]


def layer_table(model: keras.Model) -> list[dict[str, Any]]:
    """Return each layer's name, type, output shape without the batch, and number of parameters."""
    return [
        {
            "layer": layer.name,
            "type": type(layer).__name__,
            "output_shape": list(layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]


def save(model: keras.Model, path: Path) -> None:
    """Write a model as .keras, the same bytes for the same model.

    Keras's own archive holds the time of saving twice and, as `shared_object_id`, addresses in memory;
    saving_lib.py and serialization_lib.py of keras.src.saving write them.
    """
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
        original = Path(folder, "model.keras")
        model.save(original)
        with zipfile.ZipFile(original) as source, zipfile.ZipFile(archive, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps(json.loads(content) | {"date_saved": ""}).encode()
                elif name == "config.json":
                    content = json.dumps(_without_addresses(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's default date is 1980-01-01
    files.write_bytes(path, archive.getvalue())


def load(path: Path) -> keras.Model:
    """Read a model that `save` wrote."""
    return keras.saving.load_model(path)


def outputs(model: keras.Model, image: NDArray[np.uint8], names: list[str]) -> dict[str, NDArray[np.float32]]:
    """Return what the named layers make of an image (height, width): (height, width, filters) each.

    The model is cut after those layers, not built again.
    """
    cut = keras.Model(model.inputs, {name: model.get_layer(name).output for name in names})
    return {name: batch[0] for name, batch in cut.predict(image[None], verbose=0).items()}


def kernels(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Return each convolution's kernels (height, width, channels in, channels out), by layer name."""
    return {layer.name: np.asarray(layer.kernel) for layer in convolutions(model)}


def _without_addresses(config: Any, numbers: dict[int, int]) -> Any:
    """Return the configuration with its shared objects numbered in the order they come up."""
    if isinstance(config, list):
        return [_without_addresses(part, numbers) for part in config]
    if not isinstance(config, dict):
        return config
    return {
        key: numbers.setdefault(part, len(numbers)) if key == "shared_object_id" else _without_addresses(part, numbers)
        for key, part in config.items()
    }
