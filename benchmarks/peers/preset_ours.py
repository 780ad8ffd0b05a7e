"""A preset's network as this pipeline trains it: `python preset_ours.py <MNIST folder> <settings as JSON>`."""

import gc

gc.disable()

import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from clock import SOME, mnist, steady

from pipeline.config.sections import Params
from pipeline.network.backend import keras, seed_everything
from pipeline.network.build import build
from pipeline.network.continued import WITHOUT_AUTOTUNING
from pipeline.network.fused import micro_batches
from pipeline.network.training import Epochs, batches, compiled, learner, targets

gc.enable()
x, y, _, _ = mnist(Path(sys.argv[1]), SOME)
settings = Params.model_validate_json(sys.argv[2])
seed_everything(0)
network = compiled(build(settings.model, (28, 28), 10), settings.train, len(x))
fast = learner(network, settings.train, micro_batches(settings.train.batch_size, len(x)))
epochs = Epochs(lambda *_: None)
data = batches(x, targets(y, 10, settings.train), settings.train, epochs).with_options(WITHOUT_AUTOTUNING)


def fit(count: int, on_end: Callable[..., None]) -> None:
    """Train so many epochs."""
    ends = keras.callbacks.LambdaCallback(on_epoch_begin=epochs.on_epoch_begin, on_epoch_end=on_end)
    fast.fit(data, shuffle=False, epochs=count, callbacks=[ends], verbose=0)


steady(fit, len(x))
