"""The article's network as this pipeline trains it: `python article_ours.py <MNIST folder>`."""

import gc

gc.disable()

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from clock import measure, mnist

from pipeline.config import params
from pipeline.network.backend import seed_everything
from pipeline.network.build import build
from pipeline.network.continued import WITHOUT_AUTOTUNING
from pipeline.network.fused import micro_batches
from pipeline.network.training import Epochs, batches, compiled, learner

gc.enable()
x, y, xt, yt = mnist(Path(sys.argv[1]))
settings = params.load(Path(__file__).parents[2] / "params.yaml")
seed_everything(0)
network = compiled(build(settings.model, (28, 28), 10), settings.train, len(x))
fast = learner(network, settings.train, micro_batches(settings.train.batch_size, len(x)))


epochs = Epochs(lambda *_: None)
data = batches(x, y, settings.train, epochs).with_options(WITHOUT_AUTOTUNING)


def epoch(validate: bool) -> float:
    """Train an epoch; return the test accuracy after it, when it validates."""
    more = {"validation_data": (xt, yt)} if validate else {}
    epochs.current += 1
    history = fast.fit(data, shuffle=False, verbose=0, **more).history
    return float(history["val_accuracy"][-1]) if validate else 0.0


measure(epoch, len(x))
