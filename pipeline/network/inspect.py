"""What a trained network makes of one image, layer by layer."""

import numpy as np
from numpy.typing import NDArray

from pipeline.network.backend import keras
from pipeline.network.portable import portable

layers = keras.layers


def map_layers(model: keras.Model) -> dict[str, list[str]]:
    """Return, by each convolution's name, the layers that show its filters one by one: its activation, its pooling."""
    found: dict[str, list[str]] = {}
    last = ""
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


def outputs(model: keras.Model, image: NDArray[np.uint8], names: list[str]) -> dict[str, NDArray[np.float32]]:
    """Return what the named layers make of an image (height, width): (height, width, filters) each."""
    if not names:
        return {}
    same = keras.Sequential(
        [keras.Input(model.input_shape[1:], dtype=model.inputs[0].dtype), *map(portable, model.layers)]
    )
    same.set_weights(model.get_weights())
    cut = keras.Model(same.inputs, {name: same.get_layer(name).output for name in names})
    return {name: np.asarray(batch[0]) for name, batch in cut([image[None]], training=False).items()}
