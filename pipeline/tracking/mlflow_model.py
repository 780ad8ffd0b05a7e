"""The trained network as an MLflow model, logged without loading TensorFlow."""

import json
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mlflow import MlflowClient, pyfunc
from mlflow.entities import FileInfo, LoggedModel, LoggedModelOutput, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec
from numpy.typing import NDArray

REQUIREMENTS = ["keras", "mlflow", "numpy", "tensorflow"]


def log(client: MlflowClient, run: Run, archive: Path, example: NDArray[np.uint8], classes: int) -> bool:
    """Log a .keras file as the run's model, with signature and an input example uint8 (n, height, width).

    Tells whether any of the model's files had to be written. mlflow.tensorflow.log_model takes a live network only, and
    would make this process load TensorFlow for it.
    """
    run_id = run.info.run_id
    known = find(client, run)
    logged = known or client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run_id)
    with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
        description = Model(artifact_path=logged.artifact_location, run_id=run_id, model_uuid=logged.model_id)
        model = Path(folder, "model")
        save(model, description, archive, example, classes)
        stored = files_below(lambda place: client.list_logged_model_artifacts(logged.model_id, place))
        if all(path.relative_to(model).as_posix() in stored for path in model.rglob("*") if path.is_file()):
            return False
        client.log_model_artifacts(logged.model_id, str(model))
    if not known:
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return True


def find(client: MlflowClient, run: Run) -> LoggedModel | None:
    """Return a run's model; None where it has none, or none any more."""
    for output in run.outputs.model_outputs if run.outputs else []:
        try:
            return client.get_logged_model(output.model_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    return None


def files_below(listing: Callable[[str | None], list[FileInfo]], folder: str | None = None) -> set[str]:
    """Return the paths of all files that the store lists in a folder and its folders."""
    found: set[str] = set()
    for entry in listing(folder):
        found |= files_below(listing, entry.path) if entry.is_dir else {entry.path}
    return found


def save(folder: Path, description: Model, archive: Path, example: NDArray[np.uint8], classes: int) -> None:
    """Lay a .keras file out as `mlflow.tensorflow.save_model` would.

    What results is read by mlflow.tensorflow.load_model, mlflow.pyfunc.load_model and `mlflow models serve` alike.
    """
    (folder / "data").mkdir(parents=True)
    shutil.copyfile(archive, folder / "data/model.keras")
    (folder / "data/keras_module.txt").write_text("keras")
    (folder / "data/save_format.txt").write_text("keras")
    (folder / "requirements.txt").write_text("".join(f"{name}=={version(name)}\n" for name in REQUIREMENTS))
    (folder / "input_example.json").write_text(json.dumps(example.tolist()))
    (folder / "serving_input_example.json").write_text(json.dumps({"inputs": example.tolist()}))
    description.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "ndarray",
    }
    description.signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *example.shape[1:]))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, classes))]),
    )
    description.add_flavor(
        "tensorflow", data="data", model_type="keras", keras_version=version("keras"), save_format="keras"
    )
    pyfunc.add_to_model(description, loader_module="mlflow.tensorflow", data="data")
    description.save(str(folder / "MLmodel"))
