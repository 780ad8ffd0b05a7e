"""MNIST, its training set repeated with shifts: `python grow.py <MNIST folder> <new folder> <times>`.

A process of its own: a command's peak memory counts from that of the process which starts it.
"""

import sys
from pathlib import Path

import numpy as np

from pipeline.data import idx

source, target, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
target.mkdir()
for name in idx.FILES:
    (target / name).write_bytes((source / name).read_bytes())
images = idx.decode((source / idx.TRAIN_IMAGES).read_bytes(), idx.TRAIN_IMAGES, dimensions=3)
labels = idx.decode((source / idx.TRAIN_LABELS).read_bytes(), idx.TRAIN_LABELS, dimensions=1)
shifted = np.concatenate([np.roll(images, (step % 3, step // 3), axis=(1, 2)) for step in range(times)])
(target / idx.TRAIN_IMAGES).write_bytes(idx.encode(shifted))
(target / idx.TRAIN_LABELS).write_bytes(idx.encode(np.tile(labels, times)))
