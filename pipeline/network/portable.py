"""Layers whose results are the same on every CPU, in place of Keras's that round by the vendor.

The approximate reciprocal and reciprocal square root of a CPU (rcpps, rsqrtps), with which TensorFlow starts some of
its functions in single precision, have other last digits on Intel's and on AMD's. In double precision it uses none.
docs/same_bytes.md has what was measured.
"""

from collections.abc import Sequence

from pipeline.network.backend import keras, tf


def gelu(values: tf.Tensor) -> tf.Tensor:
    """Return the Gaussian error linear unit, its error function in double precision."""
    share = 0.5 * (1 + tf.math.erf(tf.cast(values, tf.float64) * 0.5**0.5))
    return values * tf.cast(share, values.dtype)


class PortableBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalisation by an exact square root, over all parts of a batch at once."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return a whole batch, normalised."""
        (normalised,) = self.over([inputs], training)
        return normalised

    def over(self, parts: Sequence[tf.Tensor], training: bool) -> list[tf.Tensor]:
        """Return the parts of a batch, normalised by the mean and variance that each channel has over all of them."""
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training and self.trainable:
            axes = list(range(parts[0].shape.rank - 1))
            count = tf.cast(tf.add_n([tf.size(part) for part in parts]) // parts[0].shape[-1], parts[0].dtype)
            mean = tf.add_n([tf.reduce_sum(part, axes) for part in parts]) / count
            squares = [tf.reduce_sum(tf.math.squared_difference(part, mean), axes) for part in parts]
            variance = tf.add_n(squares) / count
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1 - self.momentum))
        # in double precision: of single TensorFlow's graph optimiser makes an approximate rsqrt
        spread = tf.sqrt(tf.cast(variance, tf.float64) + self.epsilon)
        scale = self.gamma * tf.cast(1 / spread, parts[0].dtype)
        return [(part - mean) * scale + self.beta for part in parts]


def portable(layer: keras.layers.Layer, **changes: object) -> keras.layers.Layer:
    """Return a new layer with the settings of another, some changed, that computes the same on every CPU."""
    settings = layer.get_config() | changes
    if isinstance(layer, keras.layers.BatchNormalization):
        return PortableBatchNormalization.from_config(settings)
    if settings.get("activation") == "gelu":
        settings["activation"] = gelu
    return type(layer).from_config(settings)
