"""The preset `fast` as this pipeline trains it: `python race_ours.py <MNIST folder> <seed>`."""

import gc

gc.disable()

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT), str(Path(__file__).parents[1])]

import yaml
from clock import mnist, race

from pipeline.config import params
from pipeline.network.backend import seed_everything, spread_over
from pipeline.network.build import build
from pipeline.network.fused import fused, micro_batches
from pipeline.network.training import compiled

gc.enable()
x, y, xt, yt = mnist(Path(sys.argv[1]), 60_000)
tree = yaml.safe_load((PROJECT / "params.yaml").read_text())
for line in (PROJECT / "presets/fast").read_text().splitlines():
    key, value = line.removeprefix("-S ").split("=")
    section, name = key.split(".")
    tree[section][name] = yaml.safe_load(value)
settings = params.parse(yaml.safe_dump(tree), "presets/fast")
parts = micro_batches(settings.model, settings.train.batch_size, len(x))
spread_over(parts)
seed_everything(int(sys.argv[2]))
network = compiled(build(settings.model, (28, 28), 10), settings.train, len(x))
fast = fused(network, parts)


def epoch() -> None:
    """Train an epoch."""
    fast.fit(x, y, batch_size=settings.train.batch_size, verbose=0)


race(epoch, lambda: fast.evaluate(xt, yt, batch_size=500, verbose=0)[1], settings.train.epochs)
