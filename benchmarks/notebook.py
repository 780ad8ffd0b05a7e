"""The article's notebook as one plain script, as one would write it today: no cache, no tracking, eight figures.

Run as `python notebook.py <folder with MNIST's four IDX files> <folder for the figures>`.
"""

import sys
from pathlib import Path

import keras
import matplotlib as mpl
import numpy as np
from keras import layers
from scipy import signal

mpl.use("Agg")
import matplotlib.pyplot as plt

data, out = map(Path, sys.argv[1:])
out.mkdir(parents=True, exist_ok=True)


def read(name: str, header: int) -> np.ndarray:
    """Read an IDX file without its header."""
    return np.frombuffer((data / name).read_bytes(), np.uint8, offset=header)


x_train = read("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)
y_train = read("train-labels-idx1-ubyte", 8)
x_test = read("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28)
y_test = read("t10k-labels-idx1-ubyte", 8)

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# 1: random kernels over one digit
digit = x_train[random.integers(len(x_train))]
figure, axes = plt.subplots(2, 6, figsize=(8, 3))
axes.flat[0].imshow(digit, cmap="gray")
for place in axes.flat[1:11]:
    kernel = -1.0 + random.random((3, 3))
    place.imshow(signal.convolve2d(digit, kernel, boundary="symm", mode="same"), cmap="gray")
figure.savefig(out / "random_kernels.png", dpi=150)

# 2: the edge kernel
laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
figure, axes = plt.subplots(1, 2, figsize=(8, 3))
axes[0].imshow(digit, cmap="gray")
axes[1].imshow(signal.convolve2d(digit, laplacian, boundary="symm", mode="same"), cmap="gray")
figure.savefig(out / "edge_kernel.png", dpi=150)

x = x_train[:20000, :, :, None].astype("float32") / 255
xt = x_test[:, :, :, None].astype("float32") / 255
y = keras.utils.to_categorical(y_train[:20000], 10)
yt = keras.utils.to_categorical(y_test, 10)
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
model.summary()
model.fit(x, y, batch_size=128, epochs=6, verbose=2, validation_data=(xt, yt))
print("Test loss and accuracy:", model.evaluate(xt, yt, verbose=0))

probabilities = model.predict(xt, batch_size=32, verbose=0)
predicted = probabilities.argmax(axis=1)
wrong = np.flatnonzero(predicted != y_test)

# 3 and 4: a random digit and a wrong one, each with its probabilities
for name, index in (("digit", random.integers(len(x_test))), ("wrong", random.choice(wrong))):
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    axes[0].imshow(x_test[index], cmap="gray")
    axes[1].bar(np.arange(10), model.predict(xt[index : index + 1], verbose=0)[0])
    figure.savefig(out / f"{name}.png", dpi=150)

# 5: how sure, wrong against all
figure, axes = plt.subplots(figsize=(8, 3))
axes.hist(probabilities.max(axis=1), alpha=0.5, density=True, label="all labels")
axes.hist(probabilities.max(axis=1)[wrong], alpha=0.5, density=True, label="wrong labels")
axes.legend()
figure.savefig(out / "highest_probability.png", dpi=150)

# 6: the digit whose activations follow; 7: the filters; 8: their activations
digit = xt[random.integers(len(xt))]
figure, axes = plt.subplots(figsize=(3, 3))
axes.imshow(digit[:, :, 0], cmap="gray")
figure.savefig(out / "seen.png", dpi=150)
kernels = model.layers[0].get_weights()[0]
maps = keras.Model(model.inputs, model.layers[0].output).predict(digit[None], verbose=0)[0]
for name, pictures in (("filters", kernels[:, :, 0]), ("activations", maps)):
    figure, axes = plt.subplots(4, 8, figsize=(8, 4.5))
    for number, place in enumerate(axes.flat):
        place.imshow(pictures[:, :, number], cmap="gray")
        place.axis("off")
    figure.savefig(out / f"{name}.png", dpi=150)
