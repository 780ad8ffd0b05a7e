"""The same trials in a bare loop over plain Keras `fit`: `python study_keras.py <MNIST folder> <settings>`."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import mnist

x, y, xt, yt = mnist(Path(sys.argv[1]), count=60_000)
x, xt = (images[..., None].astype("float32") / 255 for images in (x, xt))
y, yt = (keras.utils.to_categorical(labels, 10) for labels in (y, yt))
for trial in json.loads(sys.argv[2]):
    order = np.random.default_rng(trial["prepare.seed"]).permutation(len(x))
    train = order[: trial["prepare.train_size"]]
    validation = order[len(train) :][: trial["prepare.validation_size"]]
    keras.utils.clear_session()
    keras.utils.set_random_seed(trial["train.seed"])
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(trial["model.dropout"]),
            layers.Flatten(),
            layers.Dropout(trial["model.dense_dropout"]),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(
        x[train], y[train], validation_data=(x[validation], y[validation]), verbose=0,
        batch_size=trial["train.batch_size"], epochs=trial["train.epochs"],
    )  # fmt: skip
    print(model.evaluate(xt, yt, verbose=0))
