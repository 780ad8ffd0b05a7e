"""The trained network as an MLflow model, logged without loading TensorFlow."""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mlflow import MlflowClient, pyfunc
from mlflow.entities import FileInfo, LoggedModel, LoggedModelOutput, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Map
from numpy.typing import NDArray

REQUIREMENTS = ["keras", "mlflow", "numpy", "pandas", "tensorflow"]
# MLflow itself is to cast and to refuse nothing: its reader of JSON would make any value fit whole numbers. The wrapper
# looks at what it is sent.
SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(object), (-1,))]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "label"),
            ColSpec(DataType.double, "probability"),
            ColSpec(Map(DataType.double), "probabilities"),
        ]
    ),
)

logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)  # that it checks the example is no news


@dataclass(frozen=True)
class Served:
    """What a model is made of, to be served."""

    archive: Path  # the network as .keras
    wrapper: Path  # the module that answers, pipeline/network/served.py
    classes: list[str]
    scale: float | None  # the highest value of the pixels that it is sent, 255 where None
    example: NDArray[np.uint8]  # images (n, height, width)


def log(client: MlflowClient, run: Run, served: Served) -> bool:
    """Log a network as the run's model, with signature and an input example.

    Tells whether any of the model's files had to be written. mlflow.tensorflow.log_model takes a live network only, and
    would make this process load TensorFlow for it.
    """
    run_id = run.info.run_id
    known = find(client, run)
    logged = known or client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run_id)
    with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
        description = Model(
            artifact_path=logged.artifact_location, run_id=run_id, model_uuid=logged.model_id, model_id=logged.model_id
        )
        model = Path(folder, "model")
        save(model, description, served)
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


def save(folder: Path, description: Model, served: Served) -> None:
    """Lay a network out as `log_model` would.

    What results is read by mlflow.pyfunc.load_model, mlflow.tensorflow.load_model and `mlflow models serve` alike, and
    has the files of the environment from which `mlflow models` makes one, or an image.
    """
    description.add_flavor(
        "tensorflow", data="data", model_type="keras", keras_version=version("keras"), save_format="keras"
    )
    content = served.wrapper.read_bytes()
    # a name of its own for every version of it: Python loads a name once, and a process may load several models
    name = f"convscope_served_{hashlib.sha256(content).hexdigest()[:8]}"
    with tempfile.TemporaryDirectory(prefix="convscope-") as code:
        Path(code, f"{name}.py").write_bytes(content)
        pyfunc.save_model(
            folder,
            loader_module=name,
            code_paths=[str(Path(code, f"{name}.py"))],
            model_config={"classes": served.classes, "scale": served.scale},
            mlflow_model=description,
            signature=SIGNATURE,
            input_example=served.example,
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
    (folder / "data").mkdir()
    shutil.copyfile(served.archive, folder / "data/model.keras")
    (folder / "data/keras_module.txt").write_text("keras")
    (folder / "data/save_format.txt").write_text("keras")
    description.model_size_bytes = sum(path.stat().st_size for path in folder.rglob("*"))
    description.save(str(folder / "MLmodel"))
