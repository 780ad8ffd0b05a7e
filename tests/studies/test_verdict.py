"""What is said of a difference, and how often it is wrong."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.studies.verdict import Comparison, Verdict, judge

Array = NDArray[np.float64]
K = 12


@pytest.fixture(autouse=True, scope="module")
def no_garbage_collection() -> Iterator[None]:
    """statsmodels' multipletests asks for one each time: 40 ms, half a second beside all that other tests loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda: 0)
        yield


def comparison(differences: Array, **changes: object) -> Comparison:
    baseline = 0.96 + np.random.default_rng(5).normal(0, 0.002, len(differences))
    return replace(
        Comparison("v", "baseline", "test_accuracy", "higher", 0.002, baseline, baseline + differences),
        **changes,  # type: ignore[arg-type]
    )


def judged(differences: Array, **changes: object) -> Verdict:
    (one,) = judge([comparison(differences, **changes)])
    return one


def around(mean: float, spread: float = 0.0005) -> Array:
    drawn = np.random.default_rng(1).normal(0, spread, K)
    return drawn - drawn.mean() + mean


@pytest.mark.parametrize(
    ("mean", "spread", "word"),
    [
        (0.0, 0.0005, "no difference that matters"),
        (0.001, 0.0005, "no difference that matters"),
        (0.0046, 0.0005, "better, by more than matters"),
        (0.0021, 0.0008, "better; whether by enough to matter is open"),
        (-0.0046, 0.0005, "worse, by more than matters"),
        (-0.0021, 0.0008, "worse; whether by enough to matter is open"),
        (0.001, 0.004, "cannot tell"),
    ],
)
def test_a_verdict_is_the_first_row_of_the_table_that_fits_and_turns_where_less_is_better(
    mean: float, spread: float, word: str
) -> None:
    assert judged(around(mean, spread)).verdict == word
    turned = judged(-around(mean, spread), better="lower")
    assert turned.verdict == word


def test_a_sentence_tells_difference_interval_seeds_p_and_verdict() -> None:
    one = judged(around(0.0046), variant="dropout off")
    assert one.sentence.startswith("dropout off: +0.46 points [0.44, 0.48], better in 12 of 12 seeds, p < 0.001: ")
    assert one.sentence.endswith("better, by more than matters")


def test_a_sentence_tells_how_many_seeds_would_decide_and_how_many_trials_failed() -> None:
    one = judged(around(0.001, 0.004), failed=2)
    assert f"cannot tell: about {one.seeds_needed} seeds would; 2 of its trials failed" in one.sentence
    assert "more than 1,000 seeds would" in judged(around(0.001, 0.4)).sentence


def test_holm_corrects_within_a_measure_and_not_across() -> None:
    strong, weak = around(0.0046), around(0.0012, 0.002)
    of_two = judge([comparison(strong), comparison(weak), comparison(weak, measure="test_loss")])
    assert of_two[0].p_holm == pytest.approx(2 * of_two[0].p)
    assert of_two[1].p_holm == pytest.approx(max(of_two[0].p_holm, of_two[1].p))
    assert of_two[2].p_holm == of_two[2].p


def test_identical_arms_do_not_differ() -> None:
    one = judged(np.zeros(K), per_image=np.zeros((K, 50)))
    assert (one.verdict, one.p, one.better_share) == ("no difference that matters", 1.0, 0.5)


@pytest.mark.parametrize("pairs", [0, 1, 2])
def test_pairs_that_are_too_few_for_a_verdict_leave_it_open_and_the_json_valid(pairs: int) -> None:
    one = judged(around(0.01)[:pairs], failed=K - pairs)
    assert one.verdict == "cannot tell"
    json.dumps(asdict(one), allow_nan=False)


def test_a_measure_with_values_by_image_has_a_second_interval_that_holds_for_other_images() -> None:
    random = np.random.default_rng(0)
    images = random.choice([-1.0, 0.0, 1.0], p=[0.01, 0.975, 0.015], size=(K, 2000))
    one = judged(images.mean(axis=1), per_image=images)
    assert one.low_new is not None
    assert one.high_new is not None
    assert one.low_new <= one.difference <= one.high_new


# of steps that are no rounding: what differs by less may change its rank when a constant is added
differences = st.lists(st.integers(-1000, 1000).map(lambda step: step * 1e-5), min_size=6, max_size=8).map(np.array)


@settings(deadline=None, max_examples=20)
@given(differences, st.randoms())
def test_the_order_of_seeds_and_a_constant_added_to_both_arms_change_nothing(drawn: Array, random) -> None:
    order = np.array(random.sample(range(len(drawn)), len(drawn)))
    one = comparison(drawn)
    other = replace(one, baseline_values=one.baseline_values[order] + 1, variant_values=one.variant_values[order] + 1)
    (first,), (second,) = judge([one]), judge([other])
    for name in ("difference", "low", "high", "p_holm", "smallest_effect"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(differences)
def test_swapping_the_arms_turns_the_signs_and_the_verdict(drawn: Array) -> None:
    one = comparison(drawn)
    other = replace(one, baseline_values=one.variant_values, variant_values=one.baseline_values)
    (first,), (second,) = judge([one]), judge([other])
    assert (first.low, first.high) == (pytest.approx(-second.high), pytest.approx(-second.low))
    assert first.p == pytest.approx(second.p)
    swapped = {"better": "worse", "worse": "better"}
    word = first.verdict.split(";")[0].split(",")[0]
    assert second.verdict.split(";")[0].split(",")[0] == swapped.get(word, word)


def test_the_order_of_variants_and_of_images_changes_nothing() -> None:
    images = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], p=[0.01, 0.97, 0.02], size=(K, 300))
    several = [
        comparison(images.mean(axis=1) * share, per_image=images * share, variant=str(share)) for share in (1, 0.5, 0.1)
    ]
    shuffled = [replace(one, per_image=one.per_image[:, ::-1]) for one in reversed(several)]
    for first, second in zip(judge(several), reversed(judge(shuffled)), strict=True):
        assert first.sentence == second.sentence
        assert first.low_new == pytest.approx(second.low_new)


@pytest.mark.slow
@pytest.mark.parametrize(("variants", "studies"), [(1, 600), (8, 150)])
def test_the_whole_procedure_gives_at_most_5_percent_false_alarms(variants: int, studies: int) -> None:
    random = np.random.default_rng(2)
    alarms, seeds = 0, 9  # the least for eight variants; each more doubles the flips
    for _ in range(studies):
        baseline = random.normal(0.96, 0.002, seeds)
        several = [
            Comparison(str(i), "baseline", "test_accuracy", "higher", 1e-9, baseline, random.normal(0.96, 0.002, seeds))
            for i in range(variants)
        ]
        alarms += any(one.verdict not in ("cannot tell", "no difference that matters") for one in judge(several))
    share = alarms / studies
    assert share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / studies)
