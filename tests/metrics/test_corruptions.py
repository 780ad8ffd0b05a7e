"""Changed images against NumPy's own turns and cuts, against the numbers that are stated, and against themselves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from support.synthetic import bars

from pipeline.metrics import corruptions
from pipeline.metrics.corruptions import CORRUPTIONS, STRENGTHS, corrupted
from pipeline.metrics.movements import rotated

pictures = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12))
names = st.sampled_from(sorted(CORRUPTIONS))
strengths = st.integers(0, STRENGTHS)


@given(pictures, names, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_strength_zero_leaves_every_pixel_as_it_was(images: NDArray[np.uint8], name: str, seed: int):
    np.testing.assert_array_equal(corrupted(images, name, 0, seed), images)


@given(pictures, names, strengths)
@settings(deadline=None)
def test_images_of_any_size_keep_their_size_and_kind_and_are_not_written_on(
    images: NDArray[np.uint8], name: str, strength: int
):
    before = images.copy()
    changed = corrupted(images, name, strength, seed=0)
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("extreme", [0, 255])
def test_no_value_wraps_around_the_ends_of_the_scale(name: str, extreme: int, monkeypatch: pytest.MonkeyPatch):
    change, amounts = CORRUPTIONS[name]
    seen = []

    def watched(*arguments: object) -> NDArray[np.float32]:
        seen.append(change(*arguments))
        return seen[-1]

    monkeypatch.setitem(CORRUPTIONS, name, (watched, amounts))
    images = np.full((4, 14, 14), extreme, np.uint8)
    images[:, 5:9, 5:9] = 255 - extreme
    for strength in range(1, STRENGTHS + 1):
        changed = corrupted(images, name, strength, seed=0)
        np.testing.assert_allclose(changed, np.clip(seen[-1], 0, 255), atol=0.5)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_changes_alike_in_any_order_and_among_any_others(name: str):
    images = np.random.default_rng(0).integers(0, 256, (20, 11, 9), np.uint8)
    order = np.random.default_rng(1).permutation(20)
    together = corrupted(images, name, 3, seed=5)
    np.testing.assert_array_equal(corrupted(images, name, 3, seed=5), together)
    np.testing.assert_array_equal(corrupted(images[order], name, 3, seed=5), together[order])
    np.testing.assert_array_equal(corrupted(images[7:8], name, 3, seed=5), together[7:8])


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        *[("translate", True), ("rotate", True), ("gaussian_noise", True), ("occlusion", True)],
        *[("shear", True), ("glass_blur", True), ("shot_noise", True), ("impulse_noise", True)],
        *[("scale", False), ("gaussian_blur", False), ("contrast", False), ("brightness", False), ("stripe", False)],
    ],
)
def test_another_seed_draws_anew_where_something_is_drawn(name: str, drawn: bool):
    images = bars(30)
    assert np.array_equal(corrupted(images, name, 3, seed=0), corrupted(images, name, 3, seed=1)) != drawn


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(28, 28), (40, 24)])
def test_the_mean_squared_change_grows_with_the_strength(name: str, size: tuple[int, int]):
    images = bars(60, *size)
    errors = [
        np.square(corrupted(images, name, strength, seed=0) - images.astype(float)).mean()
        for strength in range(STRENGTHS + 1)
    ]
    assert errors[0] == 0
    assert (np.diff(errors) > 0).all()


@pytest.mark.parametrize(("size", "unit"), [((101, 101), 101 / 28), ((28, 60), 1)])
def test_gaussian_blur_spreads_a_dot_by_its_standard_deviation_and_keeps_its_light(size: tuple[int, int], unit: float):
    images = np.zeros((1, *size), np.float32)
    middle = size[0] // 2, size[1] // 2
    images[0][middle] = 1
    blurred = corruptions.gaussian_blur(images, 2, iter(()))[0].astype(float)
    assert blurred.sum() == pytest.approx(1, abs=1e-3)
    spread = sum(blurred.sum(axis=1) * (np.arange(size[0]) - middle[0]) ** 2)
    assert spread == pytest.approx((2 * unit) ** 2, rel=0.01)


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_gaussian_noise_has_the_mean_zero_and_the_stated_deviation_and_is_no_images_but_its_own(strength: int):
    images = np.full((200, 20, 20), 128, np.uint8)
    images[:, 0, 0] = np.arange(200)  # the noise of equal images is equal
    noise = corrupted(images, "gaussian_noise", strength, seed=0)[:, 1:, 1:] - 128.0
    deviation = 255 * CORRUPTIONS["gaussian_noise"][1][strength - 1]
    count = noise.size
    assert abs(noise.mean()) < 5 * deviation / np.sqrt(count)
    assert noise.std() == pytest.approx(deviation, rel=0.02)
    correlation = np.corrcoef(noise.reshape(200, -1))[np.triu_indices(200, 1)]
    assert abs(correlation).max() < 6 / np.sqrt(noise[0].size)


@pytest.mark.parametrize("strength", [1, 3, 5])
def test_shot_noise_counts_as_poisson_says_with_the_mean_of_the_image_and_no_light_where_it_is_black(strength: int):
    images = np.full((200, 20, 20), 60, np.uint8)
    images[:, 0, 0] = np.arange(200)  # the noise of equal images is equal
    images[:, 10:] = 0
    changed = corrupted(images, "shot_noise", strength, seed=0)
    light = CORRUPTIONS["shot_noise"][1][strength - 1]
    assert not changed[:, 10:].any()
    counted = changed[:, 1:10].ravel() * (light / 255)
    expected = light * 60 / 255
    assert counted.mean() == pytest.approx(expected, rel=0.02)
    assert (counted == 0).mean() == pytest.approx(np.exp(-expected), abs=0.01)


def test_impulse_noise_makes_the_stated_share_black_or_white_by_halves_and_more_of_it_with_more_strength():
    images = np.full((200, 20, 20), 128, np.uint8)
    images[:, 0, 0] = np.arange(200)
    changed = [corrupted(images, "impulse_noise", strength, seed=0) for strength in range(1, 6)]
    for share, noisy in zip(CORRUPTIONS["impulse_noise"][1], changed, strict=True):
        black, white = (noisy[:, 1:] == 0).mean(), (noisy[:, 1:] == 255).mean()
        assert (black, white) == pytest.approx((share / 2, share / 2), abs=0.005)
        assert black + white + (noisy[:, 1:] == 128).mean() == 1
    for weaker, stronger in pairwise(changed):
        np.testing.assert_array_equal(stronger[weaker != images], weaker[weaker != images])


def test_glass_blur_without_its_swaps_is_two_blurs_and_its_swaps_move_light_no_further_than_they_reach():
    images = np.zeros((30, 28, 28), np.float32)
    images[:, 14, 14] = 255
    randoms = (np.random.default_rng(number) for number in range(30))
    swapped = corruptions.glass_blur(images, (0.01, 2, 1), randoms)
    np.testing.assert_allclose(swapped.sum(axis=(1, 2)), 255, rtol=1e-4)
    places = swapped.reshape(30, -1).argmax(axis=1)
    assert len(set(places.tolist())) > 5
    blurred = corruptions.glass_blur(images, (1.5, 2, 0), iter(np.random.default_rng(0) for _ in images))
    twice = corruptions.gaussian_blur(corruptions.gaussian_blur(images, 1.5, iter(())), 1.5, iter(()))
    np.testing.assert_array_equal(blurred, twice)


@pytest.mark.parametrize("strength", [1, 5])
def test_brightness_adds_the_stated_share_of_white_up_to_white(strength: int):
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    added = 255 * CORRUPTIONS["brightness"][1][strength - 1]
    expected = np.minimum(images + added, 255)
    np.testing.assert_allclose(corrupted(images, "brightness", strength, seed=0), expected, atol=0.51)


@pytest.mark.parametrize(("size", "side"), [((28, 28), 7), ((20, 32), 8)])
def test_the_widest_stripes_turn_a_quarter_of_the_columns_on_each_side_to_the_opposite(
    size: tuple[int, int], side: int
):
    images = np.random.default_rng(0).integers(0, 256, (3, *size), np.uint8)
    changed = corrupted(images, "stripe", 5, seed=0)
    np.testing.assert_array_equal(changed[..., :side], 255 - images[..., :side])
    np.testing.assert_array_equal(changed[..., -side:], 255 - images[..., -side:])
    np.testing.assert_array_equal(changed[..., side:-side], images[..., side:-side])


def test_contrast_leaves_the_mean_and_the_stated_share_of_the_deviation():
    images = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)
    for strength, share in enumerate(CORRUPTIONS["contrast"][1], start=1):
        changed = corrupted(images, "contrast", strength, seed=0)
        np.testing.assert_allclose(changed.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.1)
        np.testing.assert_allclose(changed.std(axis=(1, 2)), share * images.std(axis=(1, 2)), rtol=0.01)


@pytest.mark.parametrize("size", [(28, 28), (21, 35)])
def test_occlusion_hides_a_square_that_grows_in_its_place_and_lies_everywhere(size: tuple[int, int]):
    images = np.zeros((300, *size), np.uint8)
    images[:, 0, 0] = np.arange(300) % 120
    images[:, 0, 1] = np.arange(300) // 120
    hidden = [corrupted(images, "occlusion", strength, seed=0) == corruptions.GREY for strength in range(1, 6)]
    for strength, places in enumerate(hidden, start=1):
        side = strength * min(size) / 7
        rows, columns = places.any(axis=2).sum(axis=1), places.any(axis=1).sum(axis=1)
        np.testing.assert_array_equal(places.sum(axis=(1, 2)), rows * columns)
        assert rows.max() == columns.max() == side
    for smaller, larger in pairwise(hidden):
        assert not (smaller & ~larger).any()
    assert hidden[2].any(axis=0).all()


def test_equal_images_change_alike_and_corruptions_draw_independently():
    images = np.repeat(bars(1), 2, axis=0)
    for name in CORRUPTIONS:
        first, second = corrupted(images, name, 3, seed=0)
        np.testing.assert_array_equal(first, second)
    ways = bars(60)
    turned = np.rint(rotated(ways.astype(np.float32), -np.rad2deg(0.6)))
    clockwise = (corrupted(ways, "rotate", 3, seed=0) == turned).all(axis=(1, 2))
    upwards = (corrupted(ways, "translate", 3, seed=0)[:, -3:] == 0).all(axis=(1, 2))
    assert 0 < np.mean(clockwise == upwards) < 1
