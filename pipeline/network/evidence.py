"""What spoke for each class in an image: a logit cut into shares of filters and of places, which add up to it.

The maps that the last spatial layer hands on are all that the rest of the network knows of an image. Where that rest
is linear, as in the article's network, a logit is a bias and a weighted sum over the maps, and each summand belongs to
one filter at one place. Where it bends, it is taken as linear around the image: a share is gradient times activation,
as in HiResCAM (Draelos and Carin 2020, arXiv 2011.08891), and the biases' is gradient times bias (Srinivas and Fleuret,
Full-gradient representation for neural network visualization, 2019, arXiv 1905.00780).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.network.backend import keras, tf
from pipeline.network.portable import portable

layers = keras.layers

SHIFTS = ("bias", "beta", "moving_mean")  # the weights that add to what a layer is given; the others multiply it


@dataclass(frozen=True)
class Evidence:
    """Shares of the logits (n, classes) of n images, in double precision, above 0 what speaks for a class.

    `by_filter` (n, filters, classes) and `by_place` (n, height, width, classes) are the same shares, summed over the
    places and over the filters of the last spatial layer's maps; without a convolution the image itself is the one map.
    `bias` (n, classes) is the share of the biases and normalisations after those maps.

    The same number added to every logit changes no probability. So what speaks for one class has a meaning only beside
    what speaks for another: their difference is the logarithm of how much more likely the network holds the one.
    """

    logits: NDArray[np.float64]
    by_filter: NDArray[np.float64]
    by_place: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def remainder(self) -> NDArray[np.float64]:
        """Return what the shares leave of the logits (n, classes).

        It is rounding alone where all that follows the maps is linear in pieces: no hidden layer, or one of relu,
        leaky_relu or linear. With another activation it is what its curve adds to its tangent.
        """
        return self.logits - self.by_filter.sum(axis=1) - self.bias  # type: ignore[no-any-return]


def evidence(model: keras.Model, images: NDArray[np.uint8]) -> Evidence:
    """Return what spoke for each class in images (n, height, width), of a network that `build` makes.

    With the article's network 500 images at once take 200 MB.
    """
    before, after = _cut(model)
    maps = _through(before, images)  # (n, height, width, filters)
    shifts = [weight.value for layer in after for weight in layer.weights if weight.name in SHIFTS]
    # a derivative in the direction of the shifts themselves is the sum of their gradients times their values
    with tf.autodiff.ForwardAccumulator(shifts, shifts) as moved, tf.GradientTape(persistent=True) as tape:
        tape.watch(maps)
        logits = _through(after, maps)
        by_class = tf.unstack(logits, axis=1)
    activations = np.asarray(maps, np.float64)
    by_filter, by_place = [], []
    for logit in by_class:  # one after another: the shares of all classes at once would not fit into memory
        shares = activations * np.asarray(tape.gradient(logit, maps))  # images do not see one another
        by_filter.append(shares.sum(axis=(1, 2)))
        by_place.append(shares.sum(axis=3))
    return Evidence(
        np.asarray(logits, np.float64),
        np.stack(by_filter, axis=-1),
        np.stack(by_place, axis=-1),
        np.asarray(moved.jvp(logits), np.float64),
    )


def grid(model: keras.Model) -> tuple[float, int]:
    """Return where the places of the maps lie in the image: the middle of the first, and their distance, in pixels.

    The same down and across; the middle of the image's first pixel is 0. Araujo, Norris and Sim, Computing receptive
    fields of convolutional neural networks, Distill (2019).
    """
    first, step = 0.0, 1
    for layer in model.layers:
        match layer:
            case layers.Conv2D(kernel_size=(size, _), padding=padding):
                before = (size - 1) // 2 if padding == "same" else 0  # zeros before the first pixel
                first += ((size - 1) / 2 - before) * step
            case layers.MaxPooling2D(pool_size=(size, _)) | layers.AveragePooling2D(pool_size=(size, _)):
                first += (size - 1) / 2 * step
                step *= size
    return first, step


def _cut(model: keras.Model) -> tuple[list[keras.layers.Layer], list[keras.layers.Layer]]:
    """Return layers of the same weights: those from images to the last spatial maps, and those from there to logits."""
    *hidden, last = model.layers
    same = keras.Sequential(
        [
            keras.Input(model.input_shape[1:], dtype=model.inputs[0].dtype),
            *map(portable, hidden),
            portable(last, activation="linear"),  # without the softmax
        ]
    )
    same.set_weights(model.get_weights())
    place = [type(layer) for layer in same.layers].index(layers.Flatten)
    return same.layers[:place], same.layers[place:]


def _through(row: list[keras.layers.Layer], values: Any) -> tf.Tensor:
    """Return what a row of layers makes of a batch, with neither dropout nor augmentation."""
    for layer in row:
        values = layer(values, training=False)
    return values
