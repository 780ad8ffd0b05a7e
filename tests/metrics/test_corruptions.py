"""Changed images against NumPy's own turns and cuts, against the numbers that are stated, and against themselves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from pipeline.metrics import corruptions
from pipeline.metrics.corruptions import CORRUPTIONS, STRENGTHS, corrupted, rotated, shifted

pictures = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12))
names = st.sampled_from(sorted(CORRUPTIONS))
strengths = st.integers(0, STRENGTHS)


def bars(count: int, height: int = 28, width: int = 28) -> NDArray[np.uint8]:
    """A bright bar on black in each image, upright near the middle: about what a 1 is."""
    random = np.random.default_rng(0)
    images = np.zeros((count, height, width), np.uint8)
    for image in images:
        row, column = random.integers(height // 5, height // 4), random.integers(width // 3, width // 2)
        image[row : 3 * height // 4, column : column + width // 4] = random.integers(150, 256)
    return images


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
        *[("scale", False), ("gaussian_blur", False), ("contrast", False)],
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


@given(pictures, st.integers(-15, 15), st.integers(-15, 15))
@settings(deadline=None)
def test_a_shift_there_and_back_restores_what_stayed_inside_and_leaves_black_elsewhere(
    images: NDArray[np.uint8], down: int, right: int
):
    height, width = images.shape[1:]
    rows = slice(max(-down, 0), max(height - max(down, 0), 0))
    columns = slice(max(-right, 0), max(width - max(right, 0), 0))
    inside = np.zeros_like(images)
    inside[:, rows, columns] = images[:, rows, columns]
    np.testing.assert_array_equal(shifted(shifted(images, down, right), -down, -right), inside)


def test_a_shift_goes_down_and_right():
    image = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    np.testing.assert_array_equal(shifted(image, 1, 2)[0], [[0, 0, 0, 0], [0, 0, 1, 2], [0, 0, 5, 6]])


@pytest.mark.parametrize("quarters", [-1, 1, 2, 3, 4])
def test_a_turn_by_quarters_is_numpys(quarters: int):
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 9)).astype(np.float32)
    turned = np.rot90(images, quarters, axes=(1, 2))
    np.testing.assert_allclose(rotated(images, 90 * quarters), turned, atol=1e-3)


@pytest.mark.parametrize("size", [(28, 28), (20, 12), (56, 60)])
def test_translate_moves_a_dot_diagonally_in_all_four_directions_by_its_pixels_of_28(size: tuple[int, int]):
    height, width = size
    images = np.zeros((80, *size), np.uint8)
    images[:, height // 2, width // 2] = np.arange(80) + 100  # so that each image draws its own direction
    moves = np.argwhere(corrupted(images, "translate", 2, seed=0))[:, 1:] - (height // 2, width // 2)
    far = -(-2 * min(size) // 28)
    expected = [(-far, -far), (-far, far), (far, -far), (far, far)]
    np.testing.assert_array_equal(np.unique(moves, axis=0), expected)


def test_rotate_turns_some_images_one_way_and_some_the_other():
    images = bars(40)
    floats = images.astype(np.float32)
    ways = [np.rint(rotated(floats, way * np.rad2deg(0.6))) for way in (-1, 1)]
    changed = corrupted(images, "rotate", 3, seed=0)
    turned = np.array([(changed == way).all(axis=(1, 2)) for way in ways])
    np.testing.assert_array_equal(turned.sum(axis=0), np.ones(40))
    assert 0 < turned[0].sum() < 40


def test_scale_halves_the_sides_of_a_square_about_the_middle():
    images = np.zeros((1, 32, 32), np.uint8)
    images[:, 8:24, 8:24] = 200
    expected = np.zeros((32, 32), np.uint8)
    expected[12:20, 12:20] = 200
    np.testing.assert_array_equal(corrupted(images, "scale", 5, seed=0)[0], expected)


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
