"""The quick way to a network's answers against Keras's own loop."""

import numpy as np
import pytest
from support.networks import build

from pipeline.network import fused
from pipeline.network.quick import quick_logits


@pytest.mark.parametrize("count", [1, 5, 501, 1003])
def test_the_quick_way_gives_the_very_logits_of_the_slow_one(count: int):
    images = np.random.default_rng(0).integers(0, 256, (count, 12, 10)).astype(np.uint8)
    network = build(4)
    np.testing.assert_array_equal(quick_logits(network, count)(images), fused.logits(network, images))
