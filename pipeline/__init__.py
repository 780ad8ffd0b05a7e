"""Convscope: one small convolutional network taken apart, one module a stage."""

import gc
import sys

# `python -m pipeline.train` spends more time in the garbage collector than in TensorFlow's import itself (6.0 s
# against 2.6 s): off while a stage's modules load, on again in stage.py. argv is "-m" only while runpy looks the
# module up, so that a notebook or a test that imports the package keeps its collector.
if sys.argv[0] == "-m":
    gc.disable()
