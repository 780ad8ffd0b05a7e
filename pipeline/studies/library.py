"""The trials that were made: one file each, found again by what decides its content."""

import hashlib
import importlib.metadata
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import params, paths
from pipeline.config.repository import root
from pipeline.config.sections import Params
from pipeline.data import files, idx
from pipeline.studies.outcome import Outcome

SECTIONS = ("prepare", "model", "train")  # the settings that a trial uses; the others choose what is shown
# Settings that change nothing at this value are left out, so that a new one does not make old trials stale.
NEUTRAL = {"prepare.seed": None, "train.native": False}
PACKAGES = ("keras", "numpy", "tensorflow")


def key(settings: Params, data: str, code: str) -> str:
    """Return what names a trial: the hash of its settings, its data, the code and the libraries that make it."""
    flat = params.flat(settings, SECTIONS)
    acting = {name: value for name, value in flat.items() if name not in NEUTRAL or value != NEUTRAL[name]}
    return hashlib.sha256(json.dumps([acting, data, code, versions()], sort_keys=True).encode()).hexdigest()


def data_hash() -> str:
    """Return the hash of the data in data/raw."""
    return hashlib.sha256(b"".join((paths.RAW / name).read_bytes() for name in idx.FILES)).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the libraries that compute."""
    return {package: importlib.metadata.version(package) for package in PACKAGES}


def write(name: str, outcome: Outcome) -> None:
    """Keep the outcome of a trial."""
    told = {part: getattr(outcome, part) for part in ("scores", "weights", "parameters", "seconds", "failed")}
    told["history"] = outcome.history.to_dict("list")
    files.write_arrays(
        _path(name),
        told=np.frombuffer(json.dumps(told, allow_nan=False).encode(), np.uint8),
        predicted=outcome.predicted,
        confidence=outcome.confidence,
        probability_of_label=outcome.probability_of_label,
        shifted=outcome.shifted,
    )


def read(name: str) -> Outcome | None:
    """Return the outcome of a trial, or None where it was not made yet."""
    try:
        content = _path(name).read_bytes()
    except FileNotFoundError:
        return None
    with np.load(io.BytesIO(content)) as saved:
        arrays = {part: saved[part] for part in saved}
    told: dict[str, Any] = json.loads(arrays.pop("told").tobytes())
    history = pd.DataFrame(told.pop("history"))
    return Outcome(history=history, **told, **arrays)


def _path(name: str) -> Path:
    return root() / ".convscope/trials" / f"{name}.npz"
