"""The article's network by plain Keras `fit`, as in the notebook: `python article_keras.py <MNIST folder>`."""

import sys
from pathlib import Path

import keras
from keras import layers

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import measure, mnist

x, y, xt, yt = mnist(Path(sys.argv[1]))
x, xt = (images[..., None].astype("float32") / 255 for images in (x, xt))
y, yt = (keras.utils.to_categorical(labels, 10) for labels in (y, yt))
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])


def epoch(validate: bool) -> float:
    """Train an epoch; return the test accuracy after it, when it validates."""
    data = {"validation_data": (xt, yt)} if validate else {}
    history = model.fit(x, y, batch_size=128, verbose=0, **data).history
    return float(history["val_accuracy"][-1]) if validate else 0.0


measure(epoch, len(x))
