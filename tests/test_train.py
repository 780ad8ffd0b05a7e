"""The article's own numbers."""

from pathlib import Path

import numpy as np
import pytest
from support.clones import SETTINGS
from support.networks import fit

from pipeline.data import idx, prepared
from pipeline.data.prepared import Split
from pipeline.network import training
from pipeline.network.backend import keras, seed_everything
from pipeline.network.build import build
from pipeline.network.fused import micro_batches
from pipeline.page.page import ARTICLE


@pytest.mark.slow
def test_the_mean_of_three_seeds_learns_epoch_by_epoch_as_the_article_did(mnist: Path):
    arrays = [
        idx.decode((mnist / name).read_bytes(), name, dimensions=3 if "images" in name else 1) for name in idx.FILES
    ]
    protocol = SETTINGS.prepare.model_copy(update={"validation": "test"})  # the whole test set, as in the article
    splits = prepared.split(Split(*arrays[:2]), Split(*arrays[2:]), protocol)
    train, validation = splits["train"], splits["validation"]
    assert (len(train.images), len(validation.images), SETTINGS.train.epochs) == (20_000, 10_000, 6)
    parts = micro_batches(SETTINGS.train.batch_size, 20_000, 10_000)
    histories = []
    for seed in range(3):
        keras.backend.clear_session()
        seed_everything(seed)
        learning = SETTINGS.train.model_copy(update={"seed": seed})
        network = training.compiled(build(SETTINGS.model, (28, 28), 10), learning, images=20_000)
        history, _ = fit(network, train, validation, learning, parts)
        histories.append(history[["val_loss", "val_accuracy"]])
    mean = sum(histories) / 3
    # The article's one run is a little better throughout: the mean of these three is 0.0055 below it at epoch 2.
    np.testing.assert_allclose(mean["val_accuracy"], ARTICLE["val_accuracy"], rtol=0, atol=0.006)
    np.testing.assert_allclose(mean["val_loss"], ARTICLE["val_loss"], rtol=0, atol=0.02)
