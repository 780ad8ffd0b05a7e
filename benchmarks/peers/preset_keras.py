"""A preset's network by plain Keras `fit`: `python preset_keras.py <MNIST folder> <settings as JSON>`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import keras
from keras import layers

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import SOME, mnist, steady

x, y, _, _ = mnist(Path(sys.argv[1]), SOME)
settings = json.loads(sys.argv[2])
model, train = settings["model"], settings["train"]
keras.utils.set_random_seed(0)
network = keras.Sequential([keras.Input((28, 28)), layers.Rescaling(1 / 255), layers.Reshape((28, 28, 1))])
if model["augment_rotation"]:
    network.add(layers.RandomRotation(model["augment_rotation"] / 360, fill_mode="constant"))
if model["augment_shift"]:
    network.add(layers.RandomTranslation(model["augment_shift"], model["augment_shift"], fill_mode="constant"))


def activate() -> None:
    """Add batch normalisation, where it is wanted, and relu."""
    if model["batch_normalization"]:
        network.add(layers.BatchNormalization())
    network.add(layers.Activation("relu"))


bias = not model["batch_normalization"]
for number, filters in enumerate(model["filters"], 1):
    network.add(layers.Conv2D(filters, model["kernel_size"], padding=model["padding"], use_bias=bias))
    activate()
    if number in (model["pool_after"] or [len(model["filters"])]):
        network.add(layers.MaxPooling2D(2))
        network.add(layers.Dropout(model["dropout"]))
network.add(layers.Flatten())
for units in model["dense"]:
    network.add(layers.Dense(units, use_bias=bias))
    activate()
network.add(layers.Dropout(model["dense_dropout"]))
network.add(layers.Dense(10, activation="softmax"))
optimizers = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
rate = keras.optimizers.schedules.CosineDecay(train["learning_rate"], 10_000)
network.compile(optimizers[train["optimizer"]](rate), "sparse_categorical_crossentropy", metrics=["accuracy"])


def fit(epochs: int, on_end: Callable[..., None]) -> None:
    """Train so many epochs."""
    ends = keras.callbacks.LambdaCallback(on_epoch_end=on_end)
    network.fit(x, y, batch_size=train["batch_size"], epochs=epochs, callbacks=[ends], verbose=0)


steady(fit, len(x))
