"""Answers to changed images against asking for each, the table against counting, the stage on the finished clone."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from support.clones import Clone
from support.networks import chosen

from pipeline import robustness
from pipeline.config import sections
from pipeline.data import files
from pipeline.metrics.corruptions import CORRUPTIONS, corrupted
from pipeline.metrics.movements import shifted
from pipeline.metrics.scores import softmax
from pipeline.metrics.statistics import wilson_interval
from pipeline.network import saving
from pipeline.network.build import build as build_network
from pipeline.network.quick import Logits, quick_logits

NAMES = ["rotate", "occlusion"]
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 20, 12)).astype(np.uint8)
LABELS = (np.arange(40) % 3).astype(np.uint8)
WEIGHTS = np.random.default_rng(1).normal(size=(20 * 12, 3)).astype(np.float32) / 255


def linear(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits of a network of three classes that is only a product."""
    return images.reshape(len(images), -1) @ WEIGHTS


def constant(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits of who always answers 1, with a probability of a half."""
    return np.tile(np.log([1, 2, 1]).astype(np.float32), (len(images), 1))


def answered(logits: Logits, names: list[str] = NAMES) -> pd.DataFrame:
    """The stage's table for IMAGES."""
    predicted, confidences = robustness.answers(IMAGES, names, 0, logits)
    return robustness.table(names, predicted == LABELS, confidences)


def test_the_settings_name_every_corruption_and_no_other():
    assert get_args(sections.Corruption) == tuple(CORRUPTIONS)


def test_an_answer_is_the_one_to_the_changed_image_with_the_images_in_their_order():
    predicted, confidences = robustness.answers(IMAGES, NAMES, 7, linear)
    assert predicted.shape == confidences.shape == (2, 6, 40)
    for number, name in enumerate(NAMES):
        for strength in range(6):
            probabilities = softmax(linear(corrupted(IMAGES, name, strength, seed=7)))
            np.testing.assert_array_equal(predicted[number, strength], probabilities.argmax(axis=1))
            np.testing.assert_array_equal(confidences[number, strength], probabilities.max(axis=1))


def test_strength_zero_has_the_accuracy_of_the_images_as_they_are_under_every_corruption():
    table = answered(linear, [*CORRUPTIONS])
    plain = (linear(IMAGES).argmax(axis=1) == LABELS).mean()
    assert set(table.loc[table["strength"] == 0, "accuracy"]) == {plain}
    assert table["accuracy"].nunique() > 5


def test_the_map_has_the_plain_accuracy_in_its_middle_and_each_shift_in_its_place():
    found = robustness.shift_map(IMAGES, LABELS, linear)
    assert found.shape == (13, 13)
    for (row, column), accuracy in np.ndenumerate(found):
        moved = shifted(IMAGES, row - 6, column - 6)
        assert accuracy == (linear(moved).argmax(axis=1) == LABELS).mean()
    assert found[6, 6] == (linear(IMAGES).argmax(axis=1) == LABELS).mean()


def test_who_always_answers_the_same_is_right_as_often_whatever_changes():
    share = (LABELS == 1).mean()
    table = answered(constant, [*CORRUPTIONS])
    assert set(table["accuracy"]) == {share}
    np.testing.assert_allclose(table["confidence"], 0.5)
    np.testing.assert_allclose(table["ece"], 0.5 - share)
    assert set(robustness.shift_map(IMAGES, LABELS, constant).flat) == {share}


def test_a_convolutional_network_of_three_classes_answers_images_of_20_by_12():
    network = build_network(chosen(filters=(4,)), (20, 12), classes=3)
    table = answered(quick_logits(network, len(IMAGES)))
    assert len(table) == 12
    assert table["confidence"].between(1 / 3, 1).all()


rights = st.integers(1, 30).flatmap(lambda count: arrays(bool, (2, 6, count)))


@given(rights, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_a_row_holds_what_counting_gives(right: NDArray[np.bool_], seed: int):
    confidences = np.random.default_rng(seed).uniform(0.1, 1, right.shape).astype(np.float32)
    table = robustness.table(NAMES, right, confidences)
    assert [*table.columns] == [
        *["corruption", "strength", "accuracy", "accuracy_low", "accuracy_high", "confidence", "ece"]
    ]
    expected = [(name, strength) for name in NAMES for strength in range(6)]
    assert [*zip(table["corruption"], table["strength"], strict=True)] == expected
    for row, hits, sure in zip(table.itertuples(), right.reshape(12, -1), confidences.reshape(12, -1), strict=True):
        assert row.accuracy == pytest.approx(sum(hits) / len(hits))
        assert (row.accuracy_low, row.accuracy_high) == wilson_interval(int(sum(hits)), len(hits))
        assert row.confidence == pytest.approx(sum(sure.tolist()) / len(sure))
        bins = [np.ceil(15 * value) for value in sure.tolist()]
        gaps = [abs(sum(h - s for h, s, b in zip(hits, sure.tolist(), bins, strict=True) if b == one))
                for one in {*bins}]  # fmt: skip
        assert row.ece == pytest.approx(sum(gaps) / len(hits))


@given(rights)
@settings(deadline=None, max_examples=30)
def test_the_mean_is_that_of_the_tables_rows_above_strength_zero_and_lies_in_its_interval(right: NDArray[np.bool_]):
    table = robustness.table(NAMES, right, np.ones(right.shape, np.float32))
    found = robustness.robustness(right)
    assert found["robustness_mean"] == pytest.approx(table.loc[table["strength"] > 0, "accuracy"].mean())
    assert found["robustness_low"] <= found["robustness_mean"] + 1e-12
    assert found["robustness_mean"] <= found["robustness_high"] + 1e-12


@given(rights, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_the_mean_of_each_strength_is_that_of_its_rows_in_the_interval_of_the_images_shares(
    right: NDArray[np.bool_], seed: int
):
    confidences = np.random.default_rng(seed).uniform(0.1, 1, right.shape).astype(np.float32)
    found = robustness.means(right, confidences).set_index("strength")
    table = robustness.table(NAMES, right, confidences)
    rows = table.groupby("strength")[["accuracy", "confidence"]].mean()
    np.testing.assert_allclose(found[["accuracy", "confidence"]], rows, rtol=1e-6)
    for strength in range(6):
        shares = right[:, strength].mean(axis=0)
        low, high = wilson_interval(float(shares.sum()), right.shape[2])
        assert tuple(found.loc[strength, ["accuracy_low", "accuracy_high"]]) == (low, high)
        assert low - 1e-12 <= found.loc[strength, "accuracy"] <= high + 1e-12


@pytest.mark.slow
def test_the_stage_tells_how_the_saved_network_answers_changed_test_images(finished: Clone):
    network = saving.load(finished.folder / "models/model.keras")
    images, labels = (np.load(finished.folder / f"data/prepared/test_{kind}.npy")[:50] for kind in ("images", "labels"))
    table = pd.read_csv(finished.folder / "metrics/robustness.csv").set_index(["corruption", "strength"])
    assert len(table) == 6 * 2
    for place in (("translate", 0), ("occlusion", 3)):
        answers = network.predict(corrupted(images, *place, seed=0), verbose=0).argmax(axis=1)
        assert table.loc[place, "accuracy"] == pytest.approx((answers == labels).mean(), abs=0.005)
    shifts = pd.read_csv(finished.folder / "metrics/shifts.csv").set_index(["down", "right"])
    moved = network.predict(shifted(images, 2, -1), verbose=0).argmax(axis=1)
    assert shifts.loc[(2, -1), "accuracy"] == pytest.approx((moved == labels).mean(), abs=0.005)
    measured = files.read_json(finished.folder / "metrics/robustness.json")
    assert measured["robustness_images"] == len(images)
    assert measured["robustness_mean"] == pytest.approx(table.query("strength > 0")["accuracy"].mean())
