"""Scratch clones of the project, in which the benchmarks run."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from benchmarks.pairs import run

PROJECT = Path(__file__).parents[1]
PEERS = PROJECT / "benchmarks/peers"


def cloned(folder: Path, mnist: Path) -> Path:
    """Clone the project as committed, with MNIST from a folder."""
    subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
    change(folder, fetch={"source": str(mnist)})
    return folder


def clone(folder: Path, mnist: Path) -> Path:
    """Clone the project as committed, with MNIST from a folder, and run it once."""
    cloned(folder, mnist)
    run(["dvc", "repro"], folder)
    return folder


def change(folder: Path, **sections: dict[str, Any]) -> None:
    """Change settings in a clone's params.yaml."""
    path = folder / "params.yaml"
    settings = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        settings[section] |= values
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
