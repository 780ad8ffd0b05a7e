"""Keras on TensorFlow, loaded without its notes and run so that the same seed gives the same weights."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keep what C++ writes to stderr while TensorFlow loads, and show it only if loading fails.

    The line about missing CUDA comes before TensorFlow's log level is in force, so TF_CPP_MIN_LOG_LEVEL cannot turn
    it off.
    """
    with tempfile.TemporaryFile() as kept:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Hide packages that are not loaded yet from what is imported inside.

    Keras loads scikit-learn, Matplotlib and pandas wherever they are installed (wrappers/fixes.py,
    visualization/plot_image_gallery.py, trainers/data_adapters/array_slicing.py), and does without where they are
    not: 0.8 of its 2.1 s.
    """
    hidden = [package for package in packages if package not in sys.modules]
    for package in hidden:
        sys.modules[package] = None  # type: ignore[assignment] # Python's way to refuse an import
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors come as exceptions too
with _without_notes(), _without("sklearn", "matplotlib", "matplotlib.pyplot", "pandas"):
    import keras
    import tensorflow as tf

__all__ = ["keras", "seed_everything", "spread_over", "tf"]


def seed_everything(seed: int) -> None:
    """Seed initial weights, shuffling and dropout, and let no operation depend on the order of threads."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def spread_over(parts: int) -> None:
    """Let so many parts of a batch share the cores, each with its own, rather than every operation all of them.

    To be called before TensorFlow computes anything.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # macOS has none
    cores = int(os.environ.get("TF_NUM_INTEROP_THREADS") or usable or 1)
    tf.config.threading.set_intra_op_parallelism_threads(max(cores // parts, 1))
