"""The article's network in JAX with optax: `python article_jax.py <MNIST folder>`."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import measure, mnist

x, y, xt, yt = mnist(Path(sys.argv[1]))
x, xt = (images[..., None].astype(np.float32) / 255 for images in (x, xt))
random = np.random.default_rng(0)
glorot = jax.nn.initializers.glorot_uniform()
first, second, key = jax.random.split(jax.random.key(0), 3)
weights = {
    "kernel": glorot(first, (3, 3, 1, 32)),
    "bias": jnp.zeros(32),
    "dense": glorot(second, (5408, 10)),
    "dense_bias": jnp.zeros(10),
}
optimizer = optax.adam(1e-3, eps=1e-7)
state = optimizer.init(weights)


def logits(weights, images, key=None):
    """Return the scores of images float32 (n, 28, 28, 1); with a key, dropout is on."""
    maps = jax.lax.conv_general_dilated(
        images, weights["kernel"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    maps = jax.nn.relu(maps + weights["bias"])
    maps = jax.lax.reduce_window(maps, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    flat = maps.reshape(len(images), -1)
    if key is not None:
        for rate, part in zip((0.25, 0.5), jax.random.split(key), strict=True):
            flat = jnp.where(jax.random.bernoulli(part, 1 - rate, flat.shape), flat / (1 - rate), 0)
    return flat @ weights["dense"] + weights["dense_bias"]


@jax.jit
def step(weights, state, images, labels, key):
    """Take one step of Adam."""

    def loss(weights):
        return optax.softmax_cross_entropy_with_integer_labels(logits(weights, images, key), labels).mean()

    updates, state = optimizer.update(jax.grad(loss)(weights), state)
    return optax.apply_updates(weights, updates), state


@jax.jit
def right(weights, images, labels):
    """Return how many images are right."""
    return (logits(weights, images).argmax(1) == labels).sum()


def epoch(validate: bool) -> float:
    """Train an epoch; return the test accuracy after it, when it validates."""
    global weights, state, key
    order = random.permutation(len(x))
    for start in range(0, len(x), 128):
        batch = order[start : start + 128]
        key, part = jax.random.split(key)
        weights, state = step(weights, state, x[batch], y[batch], part)
    jax.block_until_ready(weights)
    if not validate:
        return 0.0
    return sum(int(right(weights, xt[i : i + 1000], yt[i : i + 1000])) for i in range(0, 10_000, 1000)) / 10_000


measure(epoch, len(x))
