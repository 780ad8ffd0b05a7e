"""A preset as the train stage trains it, to the end: `python preset_whole.py <MNIST folder> <settings as JSON>`.

Checkpoints are written as there. Prints the seconds from the first layer to the last epoch, compilation and validation
included, and then, once, the score on the test set.
"""

import gc

gc.disable()

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import numpy as np
from clock import mnist

from pipeline.config.sections import Params
from pipeline.data.checkpoints import Checkpoint
from pipeline.data.prepared import Split, split
from pipeline.network.backend import seed_everything
from pipeline.network.build import build
from pipeline.network.continued import ContinuedLearner
from pipeline.network.fused import logits, micro_batches
from pipeline.network.training import compiled, fit, learner

gc.enable()
x, y, xt, yt = mnist(Path(sys.argv[1]), 60_000)
settings = Params.model_validate_json(sys.argv[2])
splits = split(Split(x, y.astype(np.uint8)), Split(xt, yt.astype(np.uint8)), settings.prepare)
train, validation, test = (splits[name] for name in ("train", "validation", "test"))
started = time.perf_counter()
seed_everything(settings.train.seed)
network = compiled(build(settings.model, (28, 28), 10), settings.train, len(train.images))
parts = micro_batches(settings.train.batch_size, len(train.images), len(validation.images))
with tempfile.TemporaryDirectory() as folder:
    fast = ContinuedLearner(
        learner(network, settings.train, parts), Checkpoint(Path(folder), "benchmark", {}), run="benchmark"
    )
    history, best = fit(fast, train, validation, settings.train, lambda *_: None, verbose=0)
seconds = time.perf_counter() - started
network.set_weights(fast.learner.get_weights())
print(
    json.dumps(
        {
            "seconds": seconds,
            "parameters": network.count_params(),
            "validation_accuracy": float(history["val_accuracy"][best - 1]),
            "test_accuracy": float((logits(network, test.images).argmax(axis=1) == test.labels).mean()),
        }
    )
)
