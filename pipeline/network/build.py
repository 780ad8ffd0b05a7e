"""The network: raw pixels in, one probability a class out."""

from typing import Any

import numpy as np

from pipeline.config.errors import UserError
from pipeline.config.sections import Model
from pipeline.network.backend import keras
from pipeline.network.geometry import pool_positions, shape_check
from pipeline.network.kernels import with_edges

layers = keras.layers


def build(settings: Model, image_shape: tuple[int, int], classes: int) -> keras.Model:
    """Return the untrained network for images uint8 (n, height, width): probabilities float32 (n, classes).

    By default its layers are the article's; the first two only make raw pixels what the article feeds in. Raises
    UserError, naming the setting, when the layers do not fit the images.
    """
    problem = shape_check(settings, *image_shape)
    if problem:
        raise UserError(f"params.yaml: {problem}")
    model = keras.Sequential(name="convscope")
    model.add(keras.Input(image_shape, dtype="uint8", name="pixels"))
    model.add(layers.Rescaling(1 / 255, name="scale"))  # to [0, 1]
    model.add(layers.Reshape((*image_shape, 1), name="channel"))
    if settings.augment_rotation:
        turn = settings.augment_rotation / 360
        model.add(layers.RandomRotation(turn, fill_mode="constant", name="random_rotation"))
    if settings.augment_shift:
        share = settings.augment_shift
        model.add(layers.RandomTranslation(share, share, fill_mode="constant", name="random_shift"))
    pools = pool_positions(settings)
    pooling = layers.MaxPooling2D if settings.pooling == "max" else layers.AveragePooling2D
    for number, filters in enumerate(settings.filters, 1):
        convolution = layers.Conv2D(
            filters,
            settings.kernel_size,
            padding=settings.padding,
            kernel_initializer=_initializer(settings.kernel_init),
            trainable=not settings.freeze_kernels,
            **_sum(settings),
            name=f"convolution_{number}",
        )
        model.add(convolution)
        if settings.kernel_init == "edges":
            convolution.kernel.assign(with_edges(np.asarray(convolution.kernel)))
        _add_activation(model, settings, str(number))
        if number in pools:
            place = "" if len(pools) == 1 else f"_{number}"
            model.add(pooling(settings.pool_size, name=f"{settings.pooling}_pooling{place}"))
            model.add(layers.Dropout(settings.dropout, name=f"dropout{place}"))
    model.add(layers.Flatten(name="flatten"))
    for number, units in enumerate(settings.dense, 1):
        model.add(layers.Dense(units, **_sum(settings), name=f"dense_{number}"))
        _add_activation(model, settings, f"dense_{number}")
    model.add(layers.Dropout(settings.dense_dropout, name="dense_dropout"))
    penalty = _sum(settings)["kernel_regularizer"]
    model.add(layers.Dense(classes, activation="softmax", kernel_regularizer=penalty, name="probabilities"))
    return model


def _initializer(name: str) -> Any:
    """Return Keras's initialiser; `edges` leaves what the bank does not fill to Keras's default."""
    if name == "article_random":
        return keras.initializers.RandomUniform(-1.0, 0.0)  # [-1, 0), as the kernel demo draws
    return "glorot_uniform" if name == "edges" else name


def _sum(settings: Model) -> dict[str, Any]:
    """Return what a hidden layer's weighted sum is given: its penalty, and what makes an activation of it."""
    penalty = keras.regularizers.L1L2(settings.l1, settings.l2) if settings.l1 or settings.l2 else None
    if settings.batch_normalization:  # which has a bias of its own, and comes before the activation
        return {"kernel_regularizer": penalty, "use_bias": False}
    return {"kernel_regularizer": penalty, "activation": settings.activation}


def _add_activation(model: keras.Model, settings: Model, name: str) -> None:
    """Add batch normalisation, where it is wanted, and the activation that then follows it.

    Ioffe and Szegedy, Batch normalization, Proceedings of Machine Learning Research 37 (2015).
    """
    if settings.batch_normalization:
        model.add(layers.BatchNormalization(name=f"batch_normalization_{name}"))
        model.add(layers.Activation(settings.activation, name=f"activation_{name}"))
