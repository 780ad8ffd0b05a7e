"""Ridge regression on pooled responses: against scipy's convolution and least squares."""

import numpy as np
import pytest
from scipy import signal

from pipeline.metrics.ridge import PENALTIES, RAW, WINDOWS, pooled_responses, ridge_answers

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(28, 28), (13, 9), (5, 5), (2, 60)])
@pytest.mark.parametrize("size", [3, 2, 1])
def test_a_feature_is_the_largest_size_of_scipys_correlation_in_a_window(shape, size):
    images = RANDOM.integers(0, 256, (3, *shape), np.uint8)
    kernels = RANDOM.standard_normal((2, size, size))
    rows, columns = (max(length, size) - size + 1 for length in shape)
    high, wide = -(-rows // WINDOWS), -(-columns // WINDOWS)
    features = pooled_responses(images, list(kernels)).reshape(3, rows // high, columns // wide, 2)
    paper = np.zeros((max(shape[0], size), max(shape[1], size)))
    for image, of_image in zip(images, features, strict=True):
        paper[: shape[0], : shape[1]] = image / 255
        for number, kernel in enumerate(kernels):
            response = np.abs(signal.correlate2d(paper, kernel, mode="valid"))
            for row, column in np.ndindex(rows // high, columns // wide):
                window = response[high * row :, wide * column :][:high, :wide]
                assert of_image[row, column, number] == pytest.approx(window.max(), rel=1e-4, abs=1e-5)


def test_without_kernels_the_features_are_the_largest_pixels_or_every_one():
    images = RANDOM.integers(0, 256, (3, 28, 28), np.uint8)
    windows = images.reshape(3, 7, 4, 7, 4).max(axis=(2, 4)).reshape(3, 49)
    np.testing.assert_array_equal(pooled_responses(images, []), windows.astype(np.float32) / 255)
    every = pooled_responses(images, [], most=RAW)
    np.testing.assert_array_equal(every, images.reshape(3, 784).astype(np.float32) / 255)


def test_images_do_not_see_one_another(monkeypatch):
    images, kernels = RANDOM.integers(0, 256, (7, 9, 9), np.uint8), list(RANDOM.standard_normal((2, 3, 3)))
    together = pooled_responses(images, kernels)
    monkeypatch.setattr("pipeline.metrics.ridge.RESPONSES", 1)  # one after the other
    np.testing.assert_allclose(pooled_responses(images, kernels), together, rtol=1e-6)


@pytest.mark.parametrize("side", [1, 8, 28, 64, 225])
def test_images_of_any_size_have_at_most_49_features_a_kernel(side):
    features = pooled_responses(np.zeros((1, side, side), np.uint8), [np.ones((3, 3))] * 2)
    assert 2 <= features.shape[1] <= 2 * 49


def test_the_answers_are_those_of_least_squares_with_the_penalty_as_further_rows():
    features, labels = RANDOM.standard_normal((300, 6)).astype(np.float32), RANDOM.integers(0, 3, 300).astype(np.uint8)
    features[np.arange(300), labels] += 1
    train, validation, test = (
        (features[part], labels[part]) for part in (slice(100), slice(100, 200), slice(200, 300))
    )
    middle, level = train[0].mean(axis=0, dtype=np.float64), np.eye(3)[train[1]].mean(axis=0)
    centred = train[0] - middle
    answers = []
    for penalty in PENALTIES:
        rows = np.sqrt(penalty * (centred**2).sum() / 6) * np.eye(6)
        weights = np.linalg.lstsq(
            np.vstack([centred, rows]), np.vstack([np.eye(3)[train[1]] - level, np.zeros((6, 3))]), rcond=None
        )[0]
        answers.append(
            [((part[0] - middle) @ weights + level).argmax(axis=1) == part[1] for part in (validation, test)]
        )
    most = max(of_validation.sum() for of_validation, _ in answers)
    (expected,) = [of_test for of_validation, of_test in answers[::-1] if of_validation.sum() == most][:1]
    np.testing.assert_array_equal(ridge_answers(train, validation, test, 3), expected)


def test_classes_that_a_plane_separates_are_told_apart_whatever_the_order_of_the_images():
    labels = np.repeat(np.arange(4, dtype=np.uint8), 50)
    features = np.eye(4, dtype=np.float32)[labels] + RANDOM.normal(0, 0.05, (200, 4)).astype(np.float32)
    order = RANDOM.permutation(200)
    for train in ((features, labels), (features[order], labels[order])):
        assert ridge_answers(train, (features, labels), (features, labels), 4).all()


def test_features_that_never_change_say_nothing_and_break_nothing():
    labels = np.array([0, 1, 1], np.uint8)
    nothing = (np.zeros((3, 5), np.float32), labels)
    np.testing.assert_array_equal(ridge_answers(nothing, nothing, nothing, 2), [False, True, True])
