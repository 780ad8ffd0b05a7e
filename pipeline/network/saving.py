"""What is kept of a network: its archive, its kernels, its layer table."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.network.backend import keras


def save(model: keras.Model, path: Path) -> None:
    """Write a model as .keras, the same bytes for the same model; what is read from it takes floats 0 to 255 as well.

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
                    config = _without_addresses(json.loads(content), {})
                    # Keras casts what it is given to the type of the first layer, of uint8 anything below 1 to black
                    config["config"]["layers"][0]["config"]["dtype"] = "float32"
                    content = json.dumps(config).encode()
                target.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's default date is 1980-01-01
    files.write_bytes(path, archive.getvalue())


def load(path: Path) -> keras.Model:
    """Read a model that `save` wrote.

    Raises UserError when the file is no such archive.
    """
    try:
        return keras.saving.load_model(path)
    except (ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not readable as a Keras model: {reason}; `dvc checkout` brings it back") from None


def kernels(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Return each convolution's kernels (height, width, channels in, channels out), by layer name."""
    return {layer.name: np.asarray(layer.kernel) for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}


def weights(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Return all weights as `layer/weight`, the moving averages of batch normalisation among them."""
    return {f"{layer.name}/{weight.name}": np.asarray(weight) for layer in model.layers for weight in layer.weights}


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
