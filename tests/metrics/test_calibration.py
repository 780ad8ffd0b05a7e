"""Calibration against its definitions in loops, scikit-learn, Keras and SciPy, and simulations whose truth is known."""

import json
import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import binomtest, norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from pipeline.metrics import calibration
from pipeline.metrics.scores import score, softmax
from pipeline.network.backend import keras

ERRORS = [
    calibration.expected_calibration_error,
    calibration.adaptive_calibration_error,
    calibration.smooth_calibration_error,
]
ONE_NUMBER = [*ERRORS, calibration.area_under_risk_coverage]
answered = st.lists(  # few confidences: many ties
    st.tuples(st.sampled_from([0.1, 0.25, 0.4, 0.6, 0.8, 0.95, 1.0]), st.booleans()), min_size=1, max_size=40
).map(lambda pairs: (np.array([sure for sure, _ in pairs]), np.array([right for _, right in pairs])))
seeds = st.integers(0, 2**32 - 1)


def guesses(
    seed: int, count: int = 60, classes: int = 4, scale: float = 3.0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Logits of a classifier that knows exactly how sure it may be, and labels."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, scale, (count, classes)).astype(np.float32)
    labels = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)  # a label by its softmax probability
    return logits, labels.astype(np.uint8)


def exact_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities that scikit-learn finds to add up to 1."""
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_confidence_is_the_highest_probability_and_the_answer_its_class():
    logits, labels = guesses(0)
    confidences, right = calibration.answers(logits, labels)
    probabilities = softmax(logits)
    np.testing.assert_allclose(confidences, probabilities.max(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(right, probabilities.argmax(axis=1) == labels)
    assert 0 < right.sum() < len(right)


def test_two_confidences_that_single_precision_rounds_to_one_are_told_apart():
    logits = np.array([[30, 0], [20, 0]], np.float32)
    surer, less_sure = calibration.answers(logits, np.array([0, 0]))[0]
    assert less_sure < surer < 1
    assert np.float32(less_sure) == np.float32(surer) == 1


@given(seeds, st.integers(2, 12))
@settings(deadline=None)
def test_the_order_of_the_classes_changes_neither_confidence_nor_whether_an_answer_is_right(seed: int, classes: int):
    logits, labels = guesses(seed, classes=classes)
    order = np.random.default_rng(seed).permutation(classes)
    place = np.argsort(order)  # where a class has gone
    for first, second in zip(
        calibration.answers(logits, labels), calibration.answers(logits[:, order], place[labels]), strict=True
    ):
        np.testing.assert_array_equal(first, second)
    for measure in (calibration.negative_log_likelihood, calibration.brier_score, calibration.fit_temperature):
        assert measure(logits[:, order], place[labels]) == pytest.approx(measure(logits, labels), abs=1e-5)


# reliability


@given(answered, st.integers(1, 20))
@settings(deadline=None)
def test_a_bin_holds_the_images_above_its_lower_and_up_to_its_upper_edge(case, bins: int):
    confidences, right = case
    table = calibration.reliability(confidences, right, bins)
    np.testing.assert_allclose(table["low"], np.arange(bins) / bins)
    np.testing.assert_array_equal(table["low"][1:], table["high"][:-1])
    assert table["high"][-1] == 1
    for row in range(bins):
        inside = (table["low"][row] < confidences) & (confidences <= table["high"][row])
        assert table["count"][row] == inside.sum()
        values = [table[name][row] for name in ("confidence", "accuracy", "accuracy_low", "accuracy_high")]
        if inside.any():
            wilson = binomtest(int(right[inside].sum()), int(inside.sum())).proportion_ci(0.95, method="wilson")
            expected = [confidences[inside].mean(), right[inside].mean(), wilson.low, wilson.high]
            assert values == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(values).all()
    assert table["count"].sum() == len(right)


def test_the_diagram_is_scikit_learns_where_no_confidence_lies_on_an_edge():
    random = np.random.default_rng(0)
    confidences = random.random(5000)
    right = random.random(5000) < confidences**2
    table = calibration.reliability(confidences, right)
    accuracy, mean = calibration_curve(right, confidences, n_bins=15)
    np.testing.assert_allclose(table["accuracy"], accuracy)
    np.testing.assert_allclose(table["confidence"], mean)


# the three calibration errors


@pytest.mark.parametrize("measure", ONE_NUMBER)
@given(answered, seeds)
@settings(deadline=None)
def test_an_error_lies_between_0_and_1_and_does_not_see_the_order_of_images(measure, case, seed: int):
    confidences, right = case
    order = np.random.default_rng(seed).permutation(len(right))
    error = measure(confidences, right)
    assert 0 <= error <= 1 + 1e-12
    assert measure(confidences[order], right[order]) == pytest.approx(error, abs=1e-12)


@given(answered, st.integers(1, 20))
@settings(deadline=None)
def test_the_expected_calibration_error_is_its_definition_image_by_image(case, bins: int):
    confidences, right = case
    place = [next(k for k in range(1, bins + 1) if sure <= k / bins) for sure in confidences]
    gaps = [
        abs(sum(sure - hit for sure, hit, k in zip(confidences, right, place, strict=True) if k == one))
        for one in set(place)
    ]
    assert calibration.expected_calibration_error(confidences, right, bins) == pytest.approx(sum(gaps) / len(right))


@given(st.integers(1, 80), seeds)
@settings(deadline=None)
def test_the_adaptive_bins_hold_equally_many_images_but_for_one(count: int, seed: int):
    random = np.random.default_rng(seed)
    confidences, right = random.random(count), random.random(count) < 0.5
    order = np.argsort(-confidences)
    sizes = [count // 15 + (one < count % 15) for one in range(15)]
    ends = np.cumsum(sizes)
    parts = [order[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    expected = sum(abs((confidences[part] - right[part]).sum()) for part in parts) / count
    assert calibration.adaptive_calibration_error(confidences, right) == pytest.approx(expected)


@pytest.mark.parametrize("exponent", [0.5, 2.0])
@pytest.mark.parametrize("lowest", [0.0, 0.98], ids=["spread", "near one"])
def test_the_smooth_error_is_the_fixed_point_of_its_published_definition(exponent: float, lowest: float):
    random = np.random.default_rng(1)
    confidences = np.append(random.uniform(lowest, 1, 300), np.ones(100))
    right = np.append(random.random(300) < confidences[:300] ** exponent, random.random(100) < 0.9)
    width = calibration.smooth_calibration_error(confidences, right)
    grid = np.linspace(0, 1, 20_001)
    smoothed = np.zeros(len(grid))
    for sure, hit in zip(confidences, right, strict=True):
        for mirrored in (2 * turn + side * sure for turn, side in product((-1, 0, 1), (-1, 1))):
            smoothed += (sure - hit) * norm.pdf(grid, mirrored, width) / len(right)
    assert trapezoid(np.abs(smoothed), grid) == pytest.approx(width, rel=2e-3)


@pytest.mark.parametrize("confidence", [0.3, 0.7, 1.0])
def test_an_error_of_one_confidence_alone_is_its_distance_from_the_accuracy(confidence: float):
    confidences, right = np.full(50, confidence), np.arange(50) < 20
    for measure in ERRORS[:2]:
        assert measure(confidences, right) == pytest.approx(abs(confidence - 0.4))
    assert calibration.smooth_calibration_error(confidences, right) == pytest.approx(abs(confidence - 0.4), abs=1e-4)


@pytest.mark.parametrize("measure", ERRORS)
def test_who_knows_how_sure_to_be_has_hardly_an_error_and_who_is_twice_as_sure_has(measure):
    logits, labels = guesses(0, count=50_000, classes=10, scale=2)
    assert measure(*calibration.answers(logits, labels)) < 0.01
    assert measure(*calibration.answers(2 * logits, labels)) > 0.1


# scores of all probabilities


@given(seeds, st.sampled_from([2, 3, 10, 100]), st.sampled_from([0.1, 3.0, 300.0]))
@settings(deadline=None, max_examples=30)
def test_the_negative_log_likelihood_is_its_definition_in_pythons_own_numbers(seed: int, classes: int, scale: float):
    logits, labels = guesses(seed, 20, classes, scale)
    labels = np.random.default_rng(seed).integers(0, classes, 20)  # with improbable ones among them
    losses = []
    for row, label in zip(logits.tolist(), labels, strict=True):
        top = max(row)
        losses.append(top + math.log(math.fsum(math.exp(logit - top) for logit in row)) - row[label])
    assert calibration.negative_log_likelihood(logits, labels) == pytest.approx(np.mean(losses), rel=1e-9, abs=1e-12)


def test_the_negative_log_likelihood_is_that_of_scikit_learn_of_keras_and_of_the_scores_where_nothing_is_clipped():
    logits, labels = guesses(0, 500, 10)
    found = calibration.negative_log_likelihood(logits, labels)
    assert found == pytest.approx(log_loss(labels, exact_softmax(logits), labels=range(10)))
    assert found == pytest.approx(
        np.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)), rel=1e-5
    )
    assert found == pytest.approx(score(softmax(logits), labels)["test_loss"], rel=1e-5)


def test_a_probability_that_no_number_holds_still_has_its_logarithm():
    assert calibration.negative_log_likelihood(np.array([[0, 5000]], np.float32), np.array([0])) == 5000


@given(seeds, st.sampled_from([3, 10, 100]))
@settings(deadline=None, max_examples=30)
def test_the_brier_score_is_scikit_learns_sum_over_all_classes(seed: int, classes: int):
    logits, labels = guesses(seed, classes=classes)
    expected = brier_score_loss(labels, exact_softmax(logits), labels=range(classes), scale_by_half=False)
    assert calibration.brier_score(logits, labels) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_who_knows_nothing_has_the_scores_of_the_uniform_distribution(classes: int):
    logits, labels = np.full((classes, classes), 7, np.float32), np.arange(classes)
    assert calibration.brier_score(logits, labels) == pytest.approx(1 - 1 / classes)
    assert calibration.negative_log_likelihood(logits, labels) == pytest.approx(math.log(classes))


def test_the_brier_score_is_0_for_the_certain_who_are_right_and_2_for_the_certain_who_are_wrong():
    logits = np.array([[800, 0, 0], [0, 800, 0]], np.float32)
    assert calibration.brier_score(logits, np.array([0, 1])) == 0
    assert calibration.brier_score(logits, np.array([1, 0])) == 2


# temperature scaling


@given(seeds, st.floats(0.05, 20), st.sampled_from([2, 10, 100]))
@settings(deadline=None)
def test_no_temperature_changes_an_answer(seed: int, temperature: float, classes: int):
    logits, labels = guesses(seed, classes=classes)
    logits[:, 1] = np.nextafter(logits[:, 0], np.float32(np.inf))  # as near to another as single precision lets it be
    scaled = calibration.temperature_scaled(logits, temperature)
    np.testing.assert_array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_array_equal(calibration.answers(scaled, labels)[1], calibration.answers(logits, labels)[1])


@given(seeds, st.floats(0.02, 30), st.integers(1, 40), st.sampled_from([2, 3, 10]), st.booleans())
@settings(deadline=None)
def test_the_fitted_temperature_is_never_worse_than_none_nor_than_any_on_a_grid(seed, scale, count, classes, known):
    logits, labels = guesses(seed, count, classes, scale)
    if not known:
        labels = np.random.default_rng(seed).integers(0, classes, count)

    def loss(temperature: float) -> float:
        return calibration.negative_log_likelihood(calibration.temperature_scaled(logits, temperature), labels)

    fitted = calibration.fit_temperature(logits, labels)
    assert 0.05 <= fitted <= 20
    assert loss(fitted) <= loss(1)
    least = min(loss(one) for one in np.geomspace(0.05, 20, 41))
    assert loss(fitted) <= least * (1 + 1e-5) + 1e-6


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_a_network_whose_logits_were_stretched_is_given_its_temperature_back(temperature: float):
    logits, labels = guesses(0, 20_000, 10, 2)
    stretched = (temperature * logits).astype(np.float32)
    fitted = calibration.fit_temperature(stretched, labels)
    assert fitted == pytest.approx(temperature, rel=0.03)
    unseen, truth = guesses(1, 20_000, 10, 2)
    after = calibration.answers(calibration.temperature_scaled(temperature * unseen, fitted), truth)
    assert all(measure(*after) < 0.02 for measure in ERRORS)


def test_at_the_fitted_temperature_the_true_classes_logit_is_on_average_what_the_probabilities_expect():
    logits, labels = guesses(3, 500, 5, 4)  # the derivative of the negative log-likelihood is zero
    scaled = calibration.temperature_scaled(logits, calibration.fit_temperature(logits, labels))
    expected = (softmax(scaled) * scaled).sum(axis=1).mean()
    assert scaled[np.arange(500), labels].mean() == pytest.approx(expected, abs=1e-4)


def test_without_mistakes_or_without_right_answers_the_temperature_stays_within_its_bounds():
    logits, labels = guesses(0)
    assert calibration.fit_temperature(logits, logits.argmax(axis=1)) == pytest.approx(0.05, rel=1e-3)
    assert calibration.fit_temperature(logits, logits.argmin(axis=1)) == pytest.approx(20, rel=1e-3)
    assert calibration.fit_temperature(np.zeros((60, 4), np.float32), labels) == 1


# risk and coverage


@given(
    st.lists(st.tuples(st.sampled_from([0.3, 0.6, 0.9]), st.booleans()), min_size=1, max_size=6),
)
@settings(deadline=None, max_examples=50)
def test_a_risk_is_the_mean_over_every_order_in_which_equal_confidences_may_stand(pairs):
    sorted_pairs = [order for order in permutations(pairs) if list(order) == sorted(order, key=lambda one: -one[0])]
    answers = np.arange(1, len(pairs) + 1)
    curves = [np.cumsum([not right for _, right in order]) / answers for order in sorted_pairs]
    confidences, right = map(np.array, zip(*pairs, strict=True))
    found = calibration.risk_coverage(confidences, right)
    np.testing.assert_allclose(found["risk"], np.mean(curves, axis=0), atol=1e-12)
    np.testing.assert_allclose(found["coverage"], answers / len(pairs))
    area = calibration.area_under_risk_coverage(confidences, right)
    assert area == pytest.approx(np.mean(curves))


@given(answered)
@settings(deadline=None)
def test_who_answers_everything_has_the_accuracy_of_all_and_its_interval(case):
    confidences, right = case
    curve = calibration.risk_coverage(confidences, right)
    last = {name: values[-1] for name, values in curve.items()}
    wilson = binomtest(int((~right).sum()), len(right)).proportion_ci(0.95, method="wilson")
    assert last == pytest.approx(
        {"coverage": 1, "risk": 1 - right.mean(), "risk_low": wilson.low, "risk_high": wilson.high}, abs=1e-9
    )
    assert (curve["risk_low"] <= curve["risk"] + 1e-12).all()
    assert (curve["risk"] <= curve["risk_high"] + 1e-12).all()


@given(st.lists(st.booleans(), min_size=1, max_size=7), seeds)
@settings(deadline=None, max_examples=40)
def test_no_ranking_has_a_smaller_area_than_the_one_with_every_mistake_last(right: list[bool], seed: int):
    confidences = np.sort(np.random.default_rng(seed).random(len(right)))[::-1]
    areas = [calibration.area_under_risk_coverage(confidences, np.array(order)) for order in set(permutations(right))]
    best = calibration.area_under_risk_coverage(confidences, np.sort(right)[::-1])
    assert best == pytest.approx(min(areas))


@pytest.mark.parametrize(
    ("refused", "left"), [(0, 100), (0.05, 95), (0.29, 71), (0.295, 71), (0.995, 1), (1 - 1e-12, 1)]
)
def test_of_different_confidences_the_lowest_are_refused_and_no_more_than_was_said(refused: float, left: int):
    order = np.random.default_rng(0).permutation(100)
    confidences, right = order / 100, order >= 10  # the ten least sure are wrong
    found = calibration.selective_accuracy(confidences, right, refused)
    wrong = max(0, 10 - (100 - left))
    wilson = binomtest(left - wrong, left).proportion_ci(0.95, method="wilson")
    expected = {"threshold": 1 - left / 100, "refused": 1 - left / 100, "answered": left, "accuracy": 1 - wrong / left}
    assert found == pytest.approx(expected | {"accuracy_low": wilson.low, "accuracy_high": wilson.high})


@given(answered, st.floats(0, 0.99))
@settings(deadline=None)
def test_what_the_threshold_lets_through_is_what_was_counted_and_the_next_one_would_refuse_too_many(case, refused):
    confidences, right = case
    found = calibration.selective_accuracy(confidences, right, refused)
    kept = confidences >= found["threshold"]
    assert found["answered"] == kept.sum() > 0
    assert found["accuracy"] == pytest.approx(right[kept].mean())
    assert found["refused"] == pytest.approx(1 - kept.mean())
    assert found["refused"] <= refused + 1e-6
    assert (confidences <= found["threshold"]).mean() > refused - 1e-6
    json.dumps(found)


@given(answered, st.integers(0, 39))
@settings(deadline=None)
def test_the_curve_and_the_threshold_tell_the_same_of_a_coverage(case, refuse: int):
    confidences, right = case
    found = calibration.selective_accuracy(confidences, right, min(refuse, len(right) - 1) / len(right))
    curve = calibration.risk_coverage(confidences, right)
    assert curve["risk"][found["answered"] - 1] == pytest.approx(1 - found["accuracy"])


@pytest.mark.parametrize("refused", [-0.1, 1, 1.5, np.nan])
def test_a_share_that_leaves_nothing_or_is_none_is_named(refused: float):
    with pytest.raises(ValueError, match=r"refused: .* allowed are shares from 0 to below 1"):
        calibration.selective_accuracy(np.ones(3), np.ones(3, bool), refused)


# what may come


@pytest.mark.parametrize("classes", [3, 10, 100])
@pytest.mark.parametrize("count", [1, 2, 200])
@pytest.mark.parametrize("kind", ["all right", "all wrong", "one class", "certain", "equal"])
def test_whatever_the_answers_are_there_are_numbers_and_never_a_nan(kind: str, count: int, classes: int):
    logits, labels = guesses(0, count, classes)
    if kind == "one class":
        logits[:, 2] = 50
    if kind == "certain":
        logits = np.float32(1000) * np.eye(classes, dtype=np.float32)[labels]
    if kind == "equal":
        logits[:] = 0
    if kind in ("all right", "all wrong"):
        labels = logits.argmax(axis=1) if kind == "all right" else logits.argmin(axis=1)
    temperature = calibration.fit_temperature(logits, labels)
    for scaled in (logits, calibration.temperature_scaled(logits, temperature)):
        confidences, right = calibration.answers(scaled, labels)
        assert (confidences >= 1 / classes - 1e-12).all()
        assert (confidences <= 1).all()
        errors = [measure(confidences, right) for measure in ONE_NUMBER]
        assert all(0 <= error <= 1 + 1e-12 for error in errors)
        if kind == "certain":
            assert (confidences == 1).all()
            assert errors == [0, 0, 0, 0]
        scores = [calibration.negative_log_likelihood(scaled, labels), calibration.brier_score(scaled, labels)]
        assert np.isfinite(scores).all()
        assert min(scores) >= 0
        assert np.isfinite(list(calibration.selective_accuracy(confidences, right).values())).all()
        assert all(np.isfinite(values).all() for values in calibration.risk_coverage(confidences, right).values())
        table = calibration.reliability(confidences, right)
        empty = table["count"] == 0
        assert all((np.isnan(table[name]) == empty).all() for name in ("confidence", "accuracy", "accuracy_low"))
