"""Ridge regression on pooled responses: against scipy's convolution and least squares."""

import numpy as np
import pytest
from scipy import signal

from pipeline.metrics.ridge import AT_ONCE, PENALTIES, pooled_responses, ridge_answers

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(28, 28), (13, 9), (5, 5)])
@pytest.mark.parametrize("size", [3, 2, 1])
def test_a_feature_is_the_largest_size_of_scipys_correlation_in_a_window(shape, size):
    images = RANDOM.integers(0, 256, (3, *shape), np.uint8)
    kernels = RANDOM.standard_normal((2, size, size))
    features = pooled_responses(images, list(kernels)).reshape(3, 2, -1)
    for image, of_image in zip(images, features, strict=True):
        for kernel, found in zip(kernels, of_image, strict=True):
            response = np.abs(signal.correlate2d(image / 255, kernel, mode="valid"))
            rows, columns = (max(length // 4, 1) for length in response.shape)
            expected = [
                response[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].max()
                for row in range(rows)
                for column in range(columns)
            ]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_without_kernels_the_features_are_the_largest_pixels_and_images_do_not_see_one_another():
    images = RANDOM.integers(0, 256, (AT_ONCE + 3, 8, 8), np.uint8)
    features = pooled_responses(images, [])
    np.testing.assert_array_equal(features[:, 0], images[:, :4, :4].max(axis=(1, 2)))
    np.testing.assert_array_equal(pooled_responses(images[-2:], []), features[-2:])


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
