"""The fused network that trains: the same weights, the same function, in an order of operations that costs less.

Max pooling keeps the largest of each window. Adding a bias and an activation that never falls do not change which one
that is, so both may wait until three quarters of the values are gone. Two dropouts in a row are one that keeps the
product of their shares, and its random numbers need 8 or 16 bits, not 32. A quarter of a batch stays in a core's
cache from one layer to the next. The figures are in benchmarks/README.md.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.network.backend import keras, tf
from pipeline.network.portable import PortableBatchNormalization, portable

layers = keras.layers

MONOTONIC = ("relu", "leaky_relu", "elu", "tanh", "sigmoid", "linear")  # activations that never fall
PREDICTED_AT_ONCE = 500  # images
MICRO_BATCHES = 4  # of a batch; not by the number of cores, so that dropout draws the same everywhere


class FusedConvPool(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution and the max pooling after it: pooled before bias and activation."""

    def __init__(self, pool_size: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.pool_size = pool_size

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the pooled maps (n, height, width, filters)."""
        pooled = keras.ops.max_pool(self.convolution_op(inputs, self.kernel), self.pool_size)
        return self.activation(pooled if self.bias is None else pooled + self.bias)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape after the pooling."""
        n, height, width, filters = super().compute_output_shape(input_shape)
        return n, height // self.pool_size, width // self.pool_size, filters


class FusedDropout(keras.layers.Dropout):  # type: ignore[misc]
    """Dropout by random numbers of 8 bits where they give its share exactly, else of 16, exact to 1/65536."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the inputs, a share of them zero and the others larger, so that the expected value stays."""
        bits, number = (8, tf.uint8) if (self.rate * 2**8).is_integer() else (16, tf.uint16)
        dropped = min(round(self.rate * 2**bits), 2**bits - 1)
        if not training or not dropped:
            return inputs
        shape = tf.shape(inputs)
        count = tf.reduce_prod(shape)
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        words = count // (32 // bits) + 1
        drawn = tf.random.stateless_uniform([words], seed, minval=None, maxval=None, dtype=tf.uint32)
        numbers = tf.reshape(tf.reshape(tf.bitcast(drawn, number), [-1])[:count], shape)
        kept = tf.cast(numbers >= tf.constant(dropped, number), inputs.dtype)
        return inputs * (kept * (2**bits / (2**bits - dropped)))


class MicroBatched(keras.Model):  # type: ignore[misc]
    """A network whose batches go through it in parts at the same time, one thread a part."""

    def __init__(self, network: keras.Model, parts: int) -> None:
        super().__init__()
        self.network = network
        self.parts = parts

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the logits (n, classes) of images (n, height, width)."""
        count = tf.shape(images)[0]
        sizes = count // self.parts + tf.cast(tf.range(self.parts) < count % self.parts, tf.int32)
        parts = tf.split(images, sizes, num=self.parts)
        for layer in self.network.layers:
            if isinstance(layer, PortableBatchNormalization):
                parts = layer.over(parts, training)
            else:
                parts = [layer(part) for part in parts]  # Keras hands `training` down
        return tf.concat(parts, axis=0)


def micro_batches(batch_size: int, *counts: int) -> int:
    """Return in how many parts batches go through the network side by side, for splits of so many images.

    One, the whole batch, where a last batch has too few of them: TensorFlow's max pooling has no gradient for a part
    without images.
    """
    smallest = min((count - 1) % batch_size + 1 for count in counts)
    return 1 if smallest < MICRO_BATCHES else MICRO_BATCHES


def fused(network: keras.Model, parts: int) -> keras.Model:
    """Return a network that computes the logits of what `network` does, from weights that begin as that one's.

    Batches go through it in so many parts, as `micro_batches` says.
    """
    return MicroBatched(_reordered(network), parts)


def logits(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a network's logits (n, classes) of images (n, height, width), each counted once."""
    return predictor(network, len(images))(images)


def predictor(network: keras.Model, *counts: int) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return what `logits` computes as a function of the images, for splits of so many, whose graph is made once."""
    fast = fused(network, micro_batches(PREDICTED_AT_ONCE, *counts))
    return lambda images: fast.predict(images, batch_size=PREDICTED_AT_ONCE, verbose=0)


def _reordered(network: keras.Model) -> keras.Model:
    """Return the same layers in the cheaper order, with the same weights, up to the last one's softmax."""
    model = keras.Sequential([keras.Input(network.input_shape[1:], dtype=network.inputs[0].dtype)])
    for layer in network.layers:
        before, last = [None, None, *model.layers][-2:]
        match layer:
            case layers.Dropout(rate=0):
                continue
            case layers.MaxPooling2D() if _may_wait(last):
                model.pop()
                model.add(FusedConvPool(layer.pool_size[0], **last.get_config()))
            case layers.Dropout() if isinstance(last, layers.Flatten) and isinstance(before, FusedDropout):
                before.rate = 1 - (1 - before.rate) * (1 - layer.rate)
            case layers.Dropout():
                model.add(FusedDropout(layer.rate, name=layer.name))
            case _ if layer is network.layers[-1]:
                model.add(portable(layer, activation="linear"))
            case _:
                model.add(portable(layer))
    model.set_weights(network.get_weights())
    return model


def _may_wait(layer: Any) -> bool:
    """Tell whether a layer's bias and activation may come after a max pooling."""
    return type(layer) is layers.Conv2D and keras.activations.serialize(layer.activation) in MONOTONIC
