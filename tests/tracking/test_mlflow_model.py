"""The published model, loaded and served."""

import json
import subprocess
import urllib.request

import numpy as np
import pytest
from mlflow import MlflowClient
from support.clones import Clone
from support.processes import answers, free_port, stop, wait_for


@pytest.fixture(scope="module")
def model_uri(finished: Clone) -> str:
    """The model of the finished clone's complete run."""
    client = MlflowClient(f"sqlite:///{finished.folder / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("convscope").experiment_id])
    return f"models:/{run.outputs.model_outputs[0].model_id}"


LOAD = """
import sys
import mlflow, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
images = np.load("data/prepared/test_images.npy")
probabilities = model.predict(images)
assert probabilities.dtype == np.float32
assert np.abs(probabilities - np.load("data/predictions.npz")["probabilities"]).max() < 1e-6
folder = mlflow.artifacts.download_artifacts(sys.argv[1])
example = mlflow.models.Model.load(folder).load_input_example(folder)
assert np.array_equal(example, images[:1]), example
assert str(model.metadata.signature.inputs) == "[Tensor('uint8', (-1, 28, 28))]", model.metadata.signature
assert mlflow.tensorflow.load_model(sys.argv[1]).count_params() == 54410
"""


@pytest.mark.slow
def test_the_published_model_predicts_in_a_fresh_process_what_evaluate_did(finished: Clone, model_uri: str) -> None:
    finished.run("python", "-c", LOAD, model_uri, MLFLOW_TRACKING_URI="sqlite:///mlflow.db")


@pytest.mark.slow
def test_the_published_model_is_served_raw_pixels_in_and_probabilities_out(finished: Clone, model_uri: str) -> None:
    port = free_port()
    server = subprocess.Popen(
        ["mlflow", "models", "serve", "-m", model_uri, "--env-manager", "local", "--port", str(port)],
        cwd=finished.folder, env=finished.environment(MLFLOW_TRACKING_URI="sqlite:///mlflow.db"),
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: answers(port))
        images = np.load(finished.folder / "data/prepared/test_images.npy")[:5]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"inputs": images.tolist()}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            served = np.array(json.load(response)["predictions"])
    finally:
        stop(server)
    expected = np.load(finished.folder / "data/predictions.npz")["probabilities"][:5]
    assert np.abs(served - expected).max() < 1e-6
