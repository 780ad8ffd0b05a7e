"""The network of Keras's own MNIST example (keras.io, mnist_convnet): `python race_keras.py <MNIST folder> <seed>`."""

import sys
from pathlib import Path

import keras
from keras import layers

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import mnist, race

x, y, xt, yt = mnist(Path(sys.argv[1]), 60_000)
x, xt = (images[..., None].astype("float32") / 255 for images in (x, xt))
y, yt = (keras.utils.to_categorical(labels, 10) for labels in (y, yt))
keras.utils.set_random_seed(int(sys.argv[2]))
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])


def epoch() -> None:
    """Train an epoch."""
    model.fit(x, y, batch_size=128, verbose=0)


race(epoch, lambda: model.evaluate(xt, yt, batch_size=500, verbose=0)[1], epochs=15)
