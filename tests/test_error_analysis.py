"""The wrong images: all of them, in order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.clones import Clone, copy_of

from pipeline import error_analysis
from pipeline.data import files
from pipeline.error_analysis import calibration, examples_of, trust
from pipeline.metrics.labels import doubtful
from pipeline.metrics.scores import softmax


def answers(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Probabilities of four classes, the predicted classes and random labels."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(4), count).astype(np.float32)
    return probabilities, probabilities.argmax(axis=1).astype(np.uint8), random.integers(0, 4, count).astype(np.uint8)


@given(count=st.integers(0, 60), seed=st.integers(0, 2**32 - 1))
def test_the_table_has_every_wrong_image_and_no_other_the_surest_first(count, seed):
    probabilities, predicted, labels = answers(count, seed)
    table = error_analysis.misclassified(probabilities, predicted, labels)
    assert sorted(table["index"]) == [index for index in range(count) if predicted[index] != labels[index]]
    assert table["probability_of_predicted"].is_monotonic_decreasing
    for row in table.itertuples():
        assert (row.label, row.predicted) == (labels[row.index], predicted[row.index])
        assert row.probability_of_predicted == probabilities[row.index].max()
        assert row.probability_of_label == probabilities[row.index, row.label]


@pytest.mark.slow
def test_the_doubtful_training_images_are_those_that_other_networks_doubt(finished: Clone, tmp_path: Path):
    clone = copy_of(finished, tmp_path / "convscope")
    clone.set(evaluate__folds=2)
    assert clone.repro() == ["evaluate", "error_analysis", "report", "playground", "publish"]
    table = pd.read_csv(clone.folder / "metrics/doubtful.csv").set_index("part")
    with np.load(clone.folder / "data/predictions.npz") as saved:
        expected = doubtful(softmax(saved["train_logits"]), saved["train_labels"], 96)
        prepared = np.load(clone.folder / "data/prepared/train_labels.npy")
        np.testing.assert_array_equal(saved["train_labels"], prepared)
    np.testing.assert_array_equal(table.loc["train", "index"], expected["index"])
    assert len(table.loc["test"]) == 96
    assert (clone.folder / "figures/error_analysis/doubtful_train.png").exists()
    counts = files.read_json(clone.folder / "metrics/error_analysis.json")
    assert isinstance(counts["probable_label_errors_train"], int)


@pytest.mark.parametrize("validated", [True, False])
def test_a_temperature_is_fitted_on_validation_images_and_never_where_the_test_set_validates(validated: bool):
    random = np.random.default_rng(0)
    saved = {
        name: values
        for kind in ("", "validation_")
        for name, values in {
            f"{kind}logits": random.normal(size=(60, 3)),
            f"{kind}labels": random.integers(0, 3, 60).astype(np.uint8),
        }.items()
    }
    measures, tables = trust(saved, validated)
    assert (measures["temperature"] is not None) == validated
    assert ("brier_score_scaled" in measures) == validated
    assert len(tables) == 1 + validated
    assert measures["brier_score"] == calibration(saved["logits"], saved["labels"])["brier_score"]


def test_examples_are_named_in_the_order_of_their_evidence():
    evidence = {"image/wrong": np.array(7), "bias": np.zeros(3), "image/right": np.array(2)}
    assert list(examples_of(evidence).items()) == [("wrong", 7), ("right", 2)]
