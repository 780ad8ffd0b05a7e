"""Networks that learn one after another by the same traced graphs: tracing takes as long as a short training."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.sections import Model, Train
from pipeline.data.prepared import Split
from pipeline.network import training
from pipeline.network.backend import seed_everything
from pipeline.network.build import build
from pipeline.network.fused import PREDICTED_AT_ONCE, fused, micro_batches


class TracedNetwork:
    """A network and what trains it, for so many training, validation and test images (height, width).

    Each training begins with the weights, the optimiser's state and the random states that it would have in a process
    of its own, so that it ends with the same weights, byte for byte.
    """

    def __init__(
        self, model: Model, train: Train, image_shape: tuple[int, int], classes: int,
        training_images: int, validation_images: int, test_images: int,
    ) -> None:  # fmt: skip
        self.parts = micro_batches(train.batch_size, training_images, validation_images)
        self.layers = (model, image_shape, classes)
        network = training.compiled(build(*self.layers), train, training_images)
        self.learner = training.learner(network, train, self.parts)
        self.learner.optimizer.build(self.learner.trainable_variables)
        self.optimizer_state = [variable.numpy().copy() for variable in self.learner.optimizer.variables]
        self.predictor = fused(network, micro_batches(PREDICTED_AT_ONCE, test_images))

    def fit(self, train: Split, validation: Split, settings: Train) -> tuple[pd.DataFrame, int]:
        """Train from what the seed of `settings` begins with; return what `training.fit` does."""
        seed_everything(settings.seed)
        beginning = fused(build(*self.layers), self.parts)
        for variable, value in zip(self.learner.network.variables, beginning.network.variables, strict=True):
            variable.assign(value)
        for variable, state in zip(self.learner.optimizer.variables, self.optimizer_state, strict=True):
            variable.assign(state.copy())  # TensorFlow may make the array's memory the variable's own
        curves = training.fit(self.learner, train, validation, settings, lambda *_: None, verbose=0)
        self.predictor.set_weights(self.learner.get_weights())
        return curves

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (n, classes) of images (n, height, width)."""
        return self.predictor.predict(images, batch_size=PREDICTED_AT_ONCE, verbose=0)  # type: ignore[no-any-return]
