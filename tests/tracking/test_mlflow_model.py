"""The published model, laid out, loaded and served."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.models import Model
from support.clones import Clone, copy_of
from support.networks import IMAGES, build
from support.processes import answers, free_port, stop, wait_for

from pipeline.network import saving, served
from pipeline.tracking import mlflow_model

NAMES = ["no", "01", "None"]  # which YAML would read as something else than texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as it is laid out, of a small network."""
    home = tmp_path_factory.mktemp("model")
    saving.save(build(4), home / "model.keras")
    model = mlflow_model.Served(home / "model.keras", Path(served.__file__), NAMES, None, IMAGES[:2])
    mlflow_model.save(home / "made", Model(), model)
    return home / "made"


def test_the_folder_has_all_files_from_which_an_environment_or_an_image_is_made(folder: Path) -> None:
    description = yaml.safe_load((folder / "MLmodel").read_text())
    flavor = description["flavors"]["python_function"]
    code = f"code/{flavor['loader_module']}.py"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        *["MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", code],
        *["data/model.keras", "data/keras_module.txt", "data/save_format.txt"],
        *["input_example.json", "serving_input_example.json"],
    }
    assert flavor["env"] == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    environment = yaml.safe_load((folder / "python_env.yaml").read_text())
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment["dependencies"] == ["-r requirements.txt"]
    required = (folder / "requirements.txt").read_text().split()
    assert [line.split("==")[0] for line in required] == mlflow_model.REQUIREMENTS
    assert yaml.safe_load((folder / "conda.yaml").read_text())["dependencies"][-1] == {"pip": required}
    assert (folder / code).read_bytes() == Path(served.__file__).read_bytes()
    assert description["model_size_bytes"] > (folder / "data/model.keras").stat().st_size


def test_it_answers_with_the_names_as_they_are_and_its_example_gets_an_answer(folder: Path) -> None:
    model = mlflow.pyfunc.load_model(str(folder))
    assert np.array_equal(model.input_example.astype(np.uint8), IMAGES[:2])
    answered = model.predict(model.input_example)
    assert [list(row) for row in answered["probabilities"]] == [NAMES] * 2
    outputs = model.metadata.signature.outputs
    assert outputs.input_names() == list(answered.columns) == ["label", "probability", "probabilities"]
    mlflow.models.utils._enforce_schema(answered, outputs)  # raises where the answer is not what the signature says
    assert json.loads((folder / "serving_input_example.json").read_text()) == {"inputs": IMAGES[:2].tolist()}
    with pytest.raises(mlflow.MlflowException, match=r"fractions, the highest value 1; were they divided by 255\?"):
        model.predict(IMAGES / 255)


def test_the_bare_network_can_be_loaded_from_it_too(folder: Path) -> None:
    assert mlflow.tensorflow.load_model(str(folder)).count_params() == build(4).count_params()


def test_models_of_two_wrappers_answer_in_one_process_each_by_its_own(folder: Path, tmp_path: Path) -> None:
    changed = tmp_path / "served.py"
    changed.write_text(Path(served.__file__).read_text().replace('"label": [', '"name": ['))
    model = mlflow_model.Served(folder / "data/model.keras", changed, NAMES, 16, IMAGES[:2])
    mlflow_model.save(tmp_path / "made", Model(), model)
    first, second = (mlflow.pyfunc.load_model(str(place)) for place in (folder, tmp_path / "made"))
    assert first.predict(IMAGES).columns[0] == "label"
    assert second.predict(IMAGES // 16).columns[0] == "name"
    with pytest.raises(mlflow.MlflowException, match="numbers from 0 to 16, of shape"):
        second.predict(IMAGES)


@pytest.fixture(scope="module")
def published(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, list[str]]:
    """A copy of the finished clone, and what its publish said."""
    clone = copy_of(finished, tmp_path_factory.mktemp("published") / "convscope")
    return clone, clone.run("python", "-m", "pipeline.publish").stdout.splitlines()


NOTEBOOK = """
import numpy as np
images = np.load({images!r})
answers = model.predict(images)
expected = np.load({predictions!r})["probabilities"]
assert np.abs(np.array([list(row.values()) for row in answers["probabilities"]]) - expected).max() < 1e-6
assert list(answers["label"]) == [str(number) for number in expected.argmax(axis=1)]
"""


@pytest.mark.slow
def test_the_lines_that_publish_prints_load_the_model_in_any_folder(
    published: tuple[Clone, list[str]], tmp_path: Path
) -> None:
    clone, said = published
    begin = said.index("publish: in a notebook of any folder, after `import mlflow`:")
    data = clone.folder / "data"
    script = "\n".join(
        [
            "import mlflow",
            *(line.strip() for line in said[begin + 1 : begin + 3]),
            NOTEBOOK.format(images=str(data / "prepared/test_images.npy"), predictions=str(data / "predictions.npz")),
        ]
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=clone.environment(), check=True)
    assert list(tmp_path.iterdir()) == []  # no store of its own


@pytest.mark.slow
def test_mlflow_itself_serves_it_and_writes_a_dockerfile_with_all_that_it_needs(
    published: tuple[Clone, list[str]], tmp_path: Path
) -> None:
    clone, _ = published
    port = free_port()
    uri = {"MLFLOW_TRACKING_URI": f"sqlite:///{clone.folder / 'mlflow.db'}"}
    server = subprocess.Popen(
        ["mlflow", "models", "serve", "-m", "models:/convscope/latest", "--env-manager", "local", "--port", str(port)],
        cwd=tmp_path, env=clone.environment(**uri),
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        made = tmp_path / "image"
        clone.run("mlflow", "models", "generate-dockerfile", "-m", "models:/convscope/1", "-d", str(made), **uri)
        (description,) = made.rglob("MLmodel")
        names = {path.name for path in description.parent.iterdir()}
        assert {"python_env.yaml", "conda.yaml", "requirements.txt", "code", "data"} <= names
        assert "COPY model_dir" in (made / "Dockerfile").read_text()
        wait_for(lambda: answers(port))
        images = np.load(clone.folder / "data/prepared/test_images.npy")[:5]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"inputs": images.tolist()}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            found = json.load(response)["predictions"]
    finally:
        stop(server)
    expected = np.load(clone.folder / "data/predictions.npz")["probabilities"][:5]
    assert np.abs([list(answer["probabilities"].values()) for answer in found] - expected).max() < 1e-6


@pytest.mark.slow
def test_a_publish_killed_before_its_model_was_registered_is_mended_by_the_next(
    published: tuple[Clone, list[str]], tmp_path: Path
) -> None:
    clone = copy_of(published[0], tmp_path / "convscope")
    script = (
        "import os, signal; from mlflow import MlflowClient; from pipeline import publish; "
        "MlflowClient.create_model_version = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL); publish.main()"
    )
    assert clone.run("python", "-c", script, check=False).returncode == -9
    client = MlflowClient(f"sqlite:///{clone.folder / 'mlflow.db'}")
    assert list(client.search_model_versions("name = 'convscope'")) == []
    for _ in range(2):
        assert clone.run("python", "-m", "pipeline.publish").stdout.endswith(" holds this content already\n")
        (version,) = client.search_model_versions("name = 'convscope'")
    assert client.get_run(version.run_id).data.tags["content"] == version.tags["content"]


@pytest.mark.slow
def test_dvc_gets_the_network_by_the_name_that_a_git_tag_gives_it(finished: Clone, tmp_path: Path) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    clone.run("git", "tag", "--annotate", "--message", "first", "convscope@v1.0.0")
    clone.run("dvc", "artifacts", "get", str(clone.folder), "convscope", "--out", str(tmp_path / "got.keras"))
    assert (tmp_path / "got.keras").read_bytes() == (clone.folder / "models/model.keras").read_bytes()
