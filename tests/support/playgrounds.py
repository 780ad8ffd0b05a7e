"""Pages on which one draws, of networks of random weights."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from pipeline import playground
from pipeline.config.sections import Model
from pipeline.data.prepared import Split
from pipeline.network import saving
from pipeline.network.backend import keras
from pipeline.network.build import build
from pipeline.page.playground import render_playground
from support.clones import SETTINGS
from support.networks import IMAGES, LABELS, SIZE

CLASSES = ["cat", "dog & <b>", "01"]
# what the page computes of images, each a list of greys
ANSWERS = """images => images.map(image => {
    const { forward, softmax, evidence, layers, SIZE } = convscope;
    const steps = forward(layers, Uint8Array.from(image), SIZE), logits = Array.from(steps[steps.length - 1].sum);
    const found = logits.map((_, unit) => evidence(steps, logits.map((_, at) => Number(at === unit))));
    return {
        probabilities: softmax(logits), logits,
        shares: found.map(({ shares }) => Array.from(shares)), shape: found[0].shape,
        bias: found.map(({ bias }) => bias), remainder: found.map(({ remainder }) => remainder),
    };
})"""
PROBABILITIES = """images => images.map(image => {
    const steps = convscope.forward(convscope.layers, Uint8Array.from(image), convscope.SIZE);
    return convscope.softmax(Array.from(steps[steps.length - 1].sum));
})"""
# what it computes of the test images that it holds, by number, and what it holds of the pipeline's answers
OWN = """() => {
    const { forward, softmax, layers, SIZE, testImage, run } = convscope;
    const probabilities = run.images.indices.map(index => {
        const steps = forward(layers, testImage(index), SIZE);
        return softmax(Array.from(steps[steps.length - 1].sum));
    });
    return { probabilities, indices: run.images.indices, confidence: run.images.confidence };
}"""


def network_of(model: Model, random: np.random.Generator, size: tuple[int, int] = SIZE) -> keras.Model:
    """A network of random weights, none of them as it began; variances are positive."""
    network = build(model, size, len(CLASSES))
    for layer in network.layers:
        for weight in layer.weights:
            values = random.normal(0, 0.3, weight.shape)
            weight.assign(np.abs(values) + 0.5 if weight.name == "moving_variance" else values)
    return network


def page_of(network: keras.Model, model: Model, images: NDArray[np.uint8] = IMAGES) -> str:
    """The page of a network and its test images."""
    chosen = SETTINGS.model_copy(update={"model": model})
    weights = saving.weights(network)
    kernels = {f"initial/{name}": kernel for name, kernel in saving.kernels(network).items()}
    test = Split(images, LABELS[: len(images)].astype(np.uint8))
    content = playground.said(chosen, CLASSES, images.shape[1:], weights) | {
        "metrics": {"test_accuracy": 0.5, "test_images": len(images), "test_set": "unseen", "wrong": 3},
        "parameters": network.count_params(),
        "key": "0" * 32,
    }
    if content["bytes"] > content["largest"]:
        return render_playground(content, None)
    probabilities, table = np.asarray(network(images, training=False)), saving.layer_table(network)
    return render_playground(content, playground.carried(chosen, CLASSES, test, probabilities, table, weights, kernels))


def answers_as_the_pipeline_did(page: Page, folder: Path) -> int:
    """Compare what the page of a pipeline's folder computes with what evaluate wrote; return how many images."""
    page.goto((folder / "report/playground.html").as_uri())
    own: dict[str, Any] = page.evaluate(OWN)
    probabilities = np.load(folder / "data/predictions.npz")["probabilities"][own["indices"]]
    np.testing.assert_allclose(own["probabilities"], probabilities, atol=1e-5)
    np.testing.assert_allclose(own["confidence"], probabilities.max(axis=1), atol=1e-6)
    return len(probabilities)
