"""Small networks, and images for them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import sections
from pipeline.data.prepared import Split
from pipeline.network import training
from pipeline.network.backend import keras
from pipeline.network.build import build as build_network
from support.clones import SETTINGS

SIZE = (12, 10)  # height and width differ, so that they cannot be taken for one another
IMAGES = np.random.default_rng(0).integers(0, 256, (7, *SIZE), np.uint8)
LABELS = np.arange(7) % 3


def chosen(**changes: object) -> sections.Model:
    """The committed settings of the network, changed."""
    return SETTINGS.model.model_copy(update=changes)


def build(*filters: int, **changes: object) -> keras.Model:
    """A small network whose biases are not zero."""
    network = build_network(chosen(filters=filters, **changes), SIZE, classes=3)
    network.set_weights([weights + 0.1 if weights.ndim == 1 else weights for weights in network.get_weights()])
    return network


def answer(network: keras.Model, images: NDArray[np.generic] = IMAGES) -> NDArray[np.float32]:
    """The probabilities (n, classes) of images (n, height, width)."""
    return np.asarray(network(images))


def fit(
    network: keras.Model,
    train: Split,
    validation: Split,
    settings: sections.Train,
    parts: int,
    on_epoch: training.OnEpoch = lambda *_: None,
) -> tuple[pd.DataFrame, int]:
    """Train a compiled network by its learner, as the stage does; return what `training.fit` does."""
    fast = training.learner(network, settings, parts)
    curves = training.fit(fast, train, validation, settings, on_epoch, verbose=0)
    network.set_weights(fast.get_weights())
    return curves
