"""The preset `fast` as this pipeline trains it: `python race_ours.py <MNIST folder> <seed>`."""

import gc

gc.disable()

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT), str(Path(__file__).parents[1])]

from clock import mnist, race

from benchmarks.presets import preset
from pipeline.network.backend import seed_everything
from pipeline.network.build import build
from pipeline.network.continued import WITHOUT_AUTOTUNING
from pipeline.network.fused import micro_batches
from pipeline.network.training import Epochs, batches, compiled, learner

gc.enable()
x, y, xt, yt = mnist(Path(sys.argv[1]), 60_000)
settings = preset("fast")
seed_everything(int(sys.argv[2]))
network = compiled(build(settings.model, (28, 28), 10), settings.train, len(x))
fast = learner(network, settings.train, micro_batches(settings.train.batch_size, len(x)))


epochs = Epochs(lambda *_: None)
data = batches(x, y, settings.train, epochs).with_options(WITHOUT_AUTOTUNING)


def epoch() -> None:
    """Train an epoch."""
    epochs.current += 1
    fast.fit(data, shuffle=False, verbose=0)


race(epoch, lambda: fast.evaluate(xt, yt, batch_size=500, verbose=0)[1], settings.train.epochs)
