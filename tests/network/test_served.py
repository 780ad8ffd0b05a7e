"""What the served model takes and answers, and what it refuses."""

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray
from support.clones import PROJECT
from support.networks import IMAGES, SIZE, build

from pipeline.network import saving
from pipeline.network.served import Served, raw_pixels

NAMES = ["None", "01", "naïve, or \u2028 not"]
NEEDED = "; needed are raw pixels, whole numbers from 0 to 255, of shape (n, 12, 10), or (12, 10) for one image"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Served:
    path = tmp_path_factory.mktemp("served") / "model.keras"
    saving.save(build(4), path)
    return Served(saving.load(path), NAMES)


def rows(answers: pd.DataFrame) -> NDArray[np.float64]:
    return np.array([list(row.values()) for row in answers["probabilities"]])


def test_an_answer_has_the_name_of_the_likeliest_class_its_probability_and_those_of_all(model: Served) -> None:
    answers = model.predict(IMAGES)
    expected = model.network.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(rows(answers), expected, atol=1e-6)
    assert list(answers["label"]) == [NAMES[number] for number in expected.argmax(axis=1)]
    np.testing.assert_array_equal(answers["probability"], rows(answers).max(axis=1))
    assert all(list(row) == NAMES for row in answers["probabilities"])


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(np.int64),
        IMAGES.astype(np.float32),
        (IMAGES / 255) * 255,
        (IMAGES.astype(np.float32) / 255) * np.float32(255),
        IMAGES.tolist(),
        np.array(IMAGES.tolist(), dtype=object),  # as MLflow reads JSON
        np.array(IMAGES.astype(float).tolist(), dtype=object),
    ],
)
def test_whole_numbers_of_any_kind_get_the_answer_of_their_pixels(images: Any, model: Served) -> None:
    pd.testing.assert_frame_equal(model.predict(images), model.predict(IMAGES))


def test_dark_images_of_whole_numbers_are_taken_as_they_are(model: Served) -> None:
    pd.testing.assert_frame_equal(model.predict(IMAGES * 0.0), model.predict(IMAGES * 0))
    pd.testing.assert_frame_equal(model.predict((IMAGES > 127) * 2.0), model.predict((IMAGES > 127) * np.uint8(2)))
    assert len(model.predict((IMAGES > 127) * np.uint8(1))) == len(IMAGES)


def test_one_image_needs_no_batch_axis_and_none_gets_no_answer(model: Served) -> None:
    pd.testing.assert_frame_equal(model.predict(IMAGES[0]), model.predict(IMAGES[:1]))
    assert len(model.predict(IMAGES[:0])) == 0


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (IMAGES / 255, "fractions, the highest value 1; were they divided by 255?"),
        (IMAGES / 256, f"fractions, the highest value {int(IMAGES.max()) / 256:g}; were they divided by 255?"),
        ((IMAGES > 127) * 1.0, "floats, the highest value 1; were they divided by 255?"),
        (IMAGES - 0.5, "values from -0.5 to 254.5"),
        (IMAGES * 0.5, f"fractions, the highest value {int(IMAGES.max()) / 2:g}"),
        (IMAGES.astype(int) * 2, f"values from 0 to {2 * int(IMAGES.max())}"),
        (IMAGES.astype(int) - 128, "values from -128 to 127"),
        (np.where(IMAGES, np.nan, 0.0), "values that are no numbers"),
        (np.where(IMAGES, np.inf, 0.0), "values that are no numbers"),
        (IMAGES > 127, "something else than numbers"),
        (IMAGES.astype(str), "something else than numbers"),
        ([[["7"]]], "something else than numbers"),
        ([[1, 2], [3]], "images of different shapes"),
        (IMAGES.transpose(0, 2, 1), "the shape (7, 10, 12)"),
        (IMAGES.reshape(7, -1), "the shape (7, 120)"),
        (IMAGES[..., np.newaxis], "the shape (7, 12, 10, 1)"),
        (5, "the shape ()"),
        ([10**30], "something else than numbers"),
    ],
)
def test_what_is_no_raw_pixels_is_refused_with_what_was_found(images: Any, found: str, model: Served) -> None:
    with pytest.raises(MlflowException) as refused:
        model.predict(images)
    assert refused.value.message == f"found {found}{NEEDED}"
    assert refused.value.get_http_status_code() == 400


@pytest.mark.parametrize(
    ("scale", "images"), [(16, [[0, 8, 16]]), (1, [[0.0, 0.5, 1.0]]), (65535, [[0, 32768, 65535]])]
)
def test_pixels_of_another_scale_are_brought_to_that_of_the_network(scale: float, images: list[list[float]]) -> None:
    assert raw_pixels(images, (1, 3), scale).tolist() == [[[0, 128, 255]]]
    with pytest.raises(ValueError, match=f"needed are raw pixels, (whole )?numbers from 0 to {scale}, of shape"):
        raw_pixels([[0, 0, scale + 1]], (1, 3), scale)


def test_pixels_divided_by_another_scale_are_refused_as_well() -> None:
    with pytest.raises(ValueError, match="fractions, the highest value 1; were they divided by 16"):
        raw_pixels([[0, 0.5, 1]], (1, 3), 16)


def test_a_network_that_moves_its_images_while_it_learns_serves_them_unmoved() -> None:
    served = Served(build(4, augment_shift=0.3, augment_rotation=90.0, batch_normalization=True), NAMES)
    pd.testing.assert_frame_equal(served.predict(IMAGES), served.predict(IMAGES))
    np.testing.assert_allclose(rows(served.predict(IMAGES)), served.network.predict(IMAGES, verbose=0), atol=1e-6)


def test_many_images_are_answered_in_parts_as_they_are_alone(model: Served) -> None:
    many = np.tile(IMAGES, (80, 1, 1))
    np.testing.assert_allclose(rows(model.predict(many)), np.tile(rows(model.predict(IMAGES)), (80, 1)), atol=1e-6)


def test_the_module_needs_nothing_else_of_the_project() -> None:
    script = (
        f"import runpy, sys; sys.path = [place for place in sys.path if place not in ('', {str(PROJECT)!r})]; "
        f"found = runpy.run_path({str(PROJECT / 'pipeline/network/served.py')!r}); "
        "assert not {name for name in sys.modules if name.split('.')[0] in ('pipeline', 'keras', 'mlflow')}; "
        f"print(found['raw_pixels']([[9] * {SIZE[1]}] * {SIZE[0]}, {SIZE}).shape)"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd="/", capture_output=True, text=True, check=True)
    assert result.stdout == "(1, 12, 10)\n"
