"""The article's network as this pipeline trains it: `python article_ours.py <MNIST folder>`."""

import gc

gc.disable()

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from clock import measure, mnist

from pipeline.config import params
from pipeline.network.backend import seed_everything, spread_over
from pipeline.network.build import build
from pipeline.network.fused import fused, micro_batches
from pipeline.network.training import compiled

gc.enable()
x, y, xt, yt = mnist(Path(sys.argv[1]))
settings = params.load(Path(__file__).parents[2] / "params.yaml")
parts = micro_batches(settings.model, settings.train.batch_size, len(x))
spread_over(parts)
seed_everything(0)
network = compiled(build(settings.model, (28, 28), 10), settings.train, len(x))
fast = fused(network, parts)


def epoch(validate: bool) -> float:
    """Train an epoch; return the test accuracy after it, when it validates."""
    data = {"validation_data": (xt, yt)} if validate else {}
    history = fast.fit(x, y, batch_size=128, verbose=0, **data).history
    return float(history["val_accuracy"][-1]) if validate else 0.0


measure(epoch, len(x))
