"""Convscope: one small convolutional network taken apart, one module a stage."""

import gc
import os
import sys

# `python -m pipeline.train` spends more time in the garbage collector than in TensorFlow's import itself (6.0 s
# against 2.6 s): off while a stage's modules load, on again in tracking/stage.py. argv is "-m" only while runpy looks
# the module up, so that a notebook or a test that imports the package keeps its collector.
if sys.argv[0] == "-m":
    gc.disable()

# Before NumPy loads, so that it rounds alike on every CPU with AVX2: its AVX-512 loops give other last digits (log,
# exp, power), and so do OpenBLAS's kernels and its number of threads (correlations). Some machines must name a kernel
# themselves, since an older OpenBLAS fails on them. docs/same_bytes.md has what was measured.
os.environ["NPY_DISABLE_CPU_FEATURES"] = "X86_V4 AVX512_ICL AVX512_SPR"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
