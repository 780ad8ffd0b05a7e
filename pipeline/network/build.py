"""The network: raw pixels in, one probability a class out."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.config.params import Model
from pipeline.data import files
from pipeline.network.backend import keras
from pipeline.network.kernels import with_edges

layers = keras.layers


def build(settings: Model, image_shape: tuple[int, int], classes: int) -> keras.Model:
    """Return the untrained network for images uint8 (n, height, width): probabilities float32 (n, classes).

    By default its layers are the article's; the first two only make raw pixels what the article feeds in. Raises
    UserError, naming the setting, when the layers do not fit the images.
    """
    problem = settings.misfit(*image_shape)
    if problem:
        raise UserError(f"params.yaml: {problem}")
    model = keras.Sequential(name="convscope")
    model.add(keras.Input(image_shape, dtype="uint8", name="pixels"))
    model.add(layers.Rescaling(1 / 255, name="scale"))  # to [0, 1]
    model.add(layers.Reshape((*image_shape, 1), name="channel"))
    if settings.augment_rotation:
        turn = settings.augment_rotation / 360
        model.add(layers.RandomRotation(turn, fill_mode="constant", name="random_rotation"))
    if settings.augment_shift:
        share = settings.augment_shift
        model.add(layers.RandomTranslation(share, share, fill_mode="constant", name="random_shift"))
    pooling = layers.MaxPooling2D if settings.pooling == "max" else layers.AveragePooling2D
    for number, filters in enumerate(settings.filters, 1):
        convolution = layers.Conv2D(
            filters,
            settings.kernel_size,
            padding=settings.padding,
            kernel_initializer=_initializer(settings.kernel_init),
            trainable=not settings.freeze_kernels,
            **_sum(settings),
            name=f"convolution_{number}",
        )
        model.add(convolution)
        if settings.kernel_init == "edges":
            convolution.kernel.assign(with_edges(np.asarray(convolution.kernel)))
        _add_activation(model, settings, str(number))
        if number in settings.pools():
            place = "" if len(settings.pools()) == 1 else f"_{number}"
            model.add(pooling(settings.pool_size, name=f"{settings.pooling}_pooling{place}"))
            model.add(layers.Dropout(settings.dropout, name=f"dropout{place}"))
    model.add(layers.Flatten(name="flatten"))
    for number, units in enumerate(settings.dense, 1):
        model.add(layers.Dense(units, **_sum(settings), name=f"dense_{number}"))
        _add_activation(model, settings, f"dense_{number}")
    model.add(layers.Dropout(settings.dense_dropout, name="dense_dropout"))
    penalty = _sum(settings)["kernel_regularizer"]
    model.add(layers.Dense(classes, activation="softmax", kernel_regularizer=penalty, name="probabilities"))
    return model


def _initializer(name: str) -> Any:
    """Return Keras's initialiser; `edges` leaves what the bank does not fill to Keras's default."""
    if name == "article_random":
        return keras.initializers.RandomUniform(-1.0, 0.0)  # [-1, 0), as the kernel demo draws
    return "glorot_uniform" if name == "edges" else name


def _sum(settings: Model) -> dict[str, Any]:
    """Return what a hidden layer's weighted sum is given: its penalty, and what makes an activation of it."""
    penalty = keras.regularizers.L1L2(settings.l1, settings.l2) if settings.l1 or settings.l2 else None
    if settings.batch_normalization:  # which has a bias of its own, and comes before the activation
        return {"kernel_regularizer": penalty, "use_bias": False}
    return {"kernel_regularizer": penalty, "activation": settings.activation}


def _add_activation(model: keras.Model, settings: Model, name: str) -> None:
    """Add batch normalisation, where it is wanted, and the activation that then follows it.

    Ioffe and Szegedy, Batch normalization, Proceedings of Machine Learning Research 37 (2015).
    """
    if settings.batch_normalization:
        model.add(layers.BatchNormalization(name=f"batch_normalization_{name}"))
        model.add(layers.Activation(settings.activation, name=f"activation_{name}"))


def convolutions(model: keras.Model) -> list[keras.layers.Conv2D]:
    """Return the convolution layers, the first one first."""
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]


def map_layers(model: keras.Model) -> dict[str, list[str]]:
    """Return, by each convolution's name, the layers that show its filters one by one: its activation, its pooling."""
    found: dict[str, list[str]] = {}
    for layer in model.layers:
        match layer:
            case layers.Conv2D():
                last = layer.name
                found[last] = [last]
            case layers.Activation() if layer.name == last.replace("convolution", "activation"):
                found[last] = [layer.name]
            case layers.MaxPooling2D() | layers.AveragePooling2D():
                found[last].append(layer.name)
    return found


def activations(model: keras.Model, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return what an image (height, width) is in the layers of `map_layers`, by `convolution/layer`."""
    places = map_layers(model)
    maps = outputs(model, image, [layer for shown in places.values() for layer in shown])
    return {f"{name}/{layer}": maps[layer] for name, shown in places.items() for layer in shown}


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
    return {name: np.asarray(batch[0]) for name, batch in cut([image[None]], training=False).items()}


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
