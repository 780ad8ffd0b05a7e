"""Keras on TensorFlow, loaded without its notes and run so that the same seed gives the same weights."""

import os
import random
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
# Whatever the environment says: the sums of oneDNN, in the order that CPUs with AVX2 have in common. Without oneDNN
# TensorFlow cuts its sums by the size of the L1 cache, which differs from CPU to CPU.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
os.environ.pop("TF_XLA_FLAGS", None)
with _without_notes(), _without("sklearn", "matplotlib", "matplotlib.pyplot", "pandas"):
    import keras
    import tensorflow as tf
    from keras.src.random import seed_generator

# What the user's keras.json may say otherwise
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
keras.config.set_dtype_policy("float32")
# A sum that several threads share is cut by their number. So an operation has one, and the parts of a batch share the
# cores (fused.py).
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.set_visible_devices([], "GPU")

__all__ = ["keras", "seed_everything", "tf", "use_native_instructions"]


def use_native_instructions() -> None:
    """Give the promise of equal bytes up for speed; it takes effect if no operation of TensorFlow has run yet.

    oneDNN reads its variable at its first operation.
    """
    os.environ.pop("ONEDNN_MAX_CPU_ISA")


def seed_everything(seed: int) -> None:
    """Seed initial weights and dropout, and let no operation depend on the order of threads."""
    keras.utils.set_random_seed(seed)
    # Layers draw their seeds from Python's one generator, as other threads of the process do (Dask's, say): here from
    # one that begins alike and that nobody else draws from.
    seed_generator.python_random = random.Random(seed)
    tf.config.experimental.enable_op_determinism()
