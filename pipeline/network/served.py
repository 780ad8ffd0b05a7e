"""The network as it is served: raw pixels in, names of classes with their probabilities out.

`publish` hands this one file to MLflow as the model's code, and nothing else of the project is needed where the model
runs. So it imports nothing of it. MLflow itself and Keras are imported where the model is loaded.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HIGHEST = 255  # of the pixels that the network takes
PREDICTED_AT_ONCE = 500  # images
ROUNDING = 1e-3  # how far a whole number may be off: pixels that were divided and multiplied again, never k/255


class Served:
    """A network with the names of its classes, and with the highest value of its data where that is not 255."""

    def __init__(self, network: Any, classes: list[str], scale: float | None = None) -> None:
        self.network = network
        self.classes = classes
        self.scale = scale or HIGHEST

    def predict(self, images: Any) -> pd.DataFrame:
        """Return a row an image: its label, the label's probability, and the probabilities of all classes by name.

        Raises MlflowException, which a server answers with status 400, as `raw_pixels` raises ValueError.
        """
        try:
            pixels = raw_pixels(images, self.network.input_shape[1:], self.scale)
        except ValueError as error:
            from mlflow.exceptions import MlflowException

            raise MlflowException.invalid_parameter_value(str(error)) from None
        starts = range(0, len(pixels), PREDICTED_AT_ONCE)
        parts = [
            np.asarray(self.network(pixels[start : start + PREDICTED_AT_ONCE], training=False)) for start in starts
        ]
        rows = np.concatenate([np.empty((0, len(self.classes))), *parts])
        return pd.DataFrame(
            {
                "label": [self.classes[number] for number in rows.argmax(axis=1)],
                "probability": rows.max(axis=1),
                "probabilities": [dict(zip(self.classes, row, strict=True)) for row in rows.tolist()],
            }
        )


def raw_pixels(images: Any, shape: tuple[int, int], scale: float = HIGHEST) -> NDArray[np.uint8]:
    """Return images as the network takes them, uint8 (n, height, width), from several or one of (height, width).

    Raises ValueError for all but numbers from 0 to `scale`, whole ones unless `scale` is 1 or less: pixels that were
    divided by 255 would all be black.
    """
    height, width = shape
    try:
        # MLflow's reader of JSON makes arrays of objects
        found = np.asarray(images.tolist() if getattr(images, "dtype", None) == np.dtype(object) else images)
    except ValueError:
        raise _refused("images of different shapes", shape, scale) from None
    if found.dtype.kind not in "uif":
        raise _refused("something else than numbers", shape, scale)
    if found.shape == (height, width):
        found = found[np.newaxis]
    if found.shape[1:] != (height, width):
        raise _refused(f"the shape {found.shape}", shape, scale)
    if not np.isfinite(found).all():
        raise _refused("values that are no numbers", shape, scale)
    if found.size and (found.min() < 0 or found.max() > scale):
        raise _refused(f"values from {found.min():g} to {found.max():g}", shape, scale)
    if scale > 1 and found.size:
        highest = found.max()
        fractions = (np.abs(found - np.rint(found)) > ROUNDING).any()
        if fractions or (found.dtype.kind == "f" and highest == 1):  # black and white, divided by 255, is 0.0 and 1.0
            cause = f"; were they divided by {scale:g}?" if highest <= 1 else ""
            raise _refused(
                f"{'fractions' if fractions else 'floats'}, the highest value {highest:g}{cause}", shape, scale
            )
    return np.rint(found * (HIGHEST / scale)).astype(np.uint8)


def _refused(found: str, shape: tuple[int, int], scale: float) -> ValueError:
    kind = "whole numbers" if scale > 1 else "numbers"
    height, width = shape
    return ValueError(
        f"found {found}; needed are raw pixels, {kind} from 0 to {scale:g}, "
        f"of shape (n, {height}, {width}), or ({height}, {width}) for one image"
    )


def _load_pyfunc(folder: str, model_config: dict[str, Any]) -> Served:
    """Return the model in a folder that `publish` wrote; MLflow calls this."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    return Served(keras.saving.load_model(Path(folder, "data/model.keras")), **model_config)
