"""The stage: what the page carries, how precisely, and what it says where it can carry nothing."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.browser import needs_browser, opened, violations
from support.clones import SETTINGS, Clone
from support.networks import IMAGES, SIZE
from support.playgrounds import ANSWERS, CLASSES, answers_as_the_pipeline_did, network_of, page_of

from pipeline import playground
from pipeline.data.prepared import Split
from pipeline.network import saving


@needs_browser
@pytest.mark.slow
def test_the_page_of_own_data_answers_to_every_test_image_as_the_pipeline_did(finished: Clone) -> None:
    said: list[str] = []
    with opened("about:blank", offline=True) as page:
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        assert answers_as_the_pipeline_did(page, finished.folder) == 200
        assert not page.is_checked("#mass"), "whether the images were centred is not known"
    assert said == []


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "playground"])
def test_axe_finds_nothing_that_keeps_anybody_from_reading_the_pages(finished: Clone, name: str, scheme: str) -> None:
    page_file = finished.folder / f"report/{name}.html"
    with opened(page_file.as_uri(), color_scheme=scheme, bypass_csp=True) as page:  # axe is a script of its own
        assert violations(page) == []


@needs_browser
@pytest.mark.slow
def test_weights_that_are_too_large_are_rounded_to_16_bits_as_keras_would_round_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(SETTINGS.model, np.random.default_rng(0))
    weights = saving.weights(network)
    monkeypatch.setattr(playground, "LARGEST", playground.bytes_of(weights) - 1)
    (tmp_path / "page.html").write_text(page_of(network, SETTINGS.model), encoding="utf-8")
    network.set_weights([weight.astype(np.float16).astype(np.float32) for weight in network.get_weights()])
    expected = np.asarray(network(IMAGES, training=False))
    with opened((tmp_path / "page.html").as_uri()) as page:
        told = page.evaluate(ANSWERS, IMAGES.reshape(len(IMAGES), -1).tolist())
        assert "rounded to 16 bits" in page.inner_text("footer")
    np.testing.assert_allclose([one["probabilities"] for one in told], expected, atol=1e-5)


@needs_browser
@pytest.mark.slow
def test_a_network_that_no_page_can_hold_gets_one_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "LARGEST", 1000)
    page_text = page_of(network_of(SETTINGS.model, np.random.default_rng(0)), SETTINGS.model)
    (tmp_path / "page.html").write_text(page_text, encoding="utf-8")
    with opened((tmp_path / "page.html").as_uri()) as page:
        assert "would be too large" in page.inner_text("main")
        assert page.locator("#pad").count() == 0
    assert len(page_text) < 50_000


def test_every_layer_that_makes_an_answer_comes_along_and_dropout_and_augmentation_do_not() -> None:
    model = SETTINGS.model.model_copy(
        update={"filters": (2, 3), "batch_normalization": True, "dense": (4,), "augment_shift": 0.1, "padding": "same"}
    )
    network = network_of(model, np.random.default_rng(0))
    told = playground.layers(saving.layer_table(network), model, saving.weights(network))
    assert [layer["type"] for layer in told] == [
        *["Conv2D", "BatchNormalization", "Activation"] * 2, "MaxPooling2D", "Flatten",
        *["Dense", "BatchNormalization", "Activation", "Dense"],
    ]  # fmt: skip
    assert sum(values.size for layer in told for values in layer["weights"].values()) == network.count_params()
    assert [layer.get("activation") for layer in told if layer["type"] == "Activation"] == ["relu"] * 3
    assert "activation" not in told[0]


def test_the_page_holds_the_first_images_and_the_surest_mistakes_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    test = Split(random.integers(0, 256, (600, *SIZE), np.uint8), random.integers(0, 3, 600).astype(np.uint8))
    probabilities = np.full((600, 3), 0.05, np.float32)
    probabilities[np.arange(600), test.labels] = 0.9
    for index, sure in ((7, 0.6), (550, 0.8), (560, 0.7)):
        probabilities[index] = (1 - sure) / 2
        probabilities[index, (test.labels[index] + 1) % 3] = sure
    told = playground.told_images(test, probabilities)
    assert told["indices"] == [*range(500), 550, 560]
    assert told["shown"][-3:] == [550, 560, 7]
    assert told["confidence"][7] == 0.6
    assert [told["labels"][at] for at in (500, 501)] == test.labels[[550, 560]].tolist()
    monkeypatch.setattr(playground, "IMAGES", 25_000)
    fewer = playground.told_images(test, probabilities)
    assert 1 < len(fewer["indices"]) < 200
    assert fewer["indices"][-2:] == [550, 560]
    assert set(fewer["shown"]) <= set(fewer["indices"])
    few = dataclasses.replace(test, images=test.images[:1], labels=test.labels[:1])
    assert playground.told_images(few, probabilities[:1])["indices"] == [0]


def test_class_names_stand_on_the_page_as_text() -> None:
    page = page_of(network_of(SETTINGS.model, np.random.default_rng(0)), SETTINGS.model)
    assert CLASSES[1] not in page
