"""A bare Keras network as MLflow saves one: `python serve_keras.py <.keras file> <new folder>`."""

import sys

import keras
import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

network = keras.saving.load_model(sys.argv[1])
pixels = Schema([TensorSpec(np.dtype(np.float64), (-1, *network.input_shape[1:]))])
mlflow.tensorflow.save_model(
    network, sys.argv[2], keras_model_kwargs={"save_format": "keras"}, pip_requirements=["keras"],
    signature=ModelSignature(inputs=pixels),
)  # fmt: skip
