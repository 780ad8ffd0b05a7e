"""Random kernels of any range.

They stand apart from kernels.py: every network and every trial depends on that file, and none on this one.
"""

from pipeline.network.kernels import Array, random_kernels


def ranged_kernels(count: int, seed: int, low: float, high: float) -> Array:
    """Return random kernels (count, 3, 3) with values from `low` up to `high`; from -1 to 0 the article's own."""
    return low + (high - low) * (1 + random_kernels(count, seed))
