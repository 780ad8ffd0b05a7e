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


os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors come as exceptions too
with _without_notes():
    import keras
    import tensorflow as tf

__all__ = ["keras", "seed_everything", "tf"]


def seed_everything(seed: int) -> None:
    """Seed initial weights, shuffling and dropout, and let no operation depend on the order of threads."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
