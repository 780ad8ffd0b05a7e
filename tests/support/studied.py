"""A study small enough to be run again and again, and what it leaves in a clone."""

from pathlib import Path

import yaml
from mlflow.entities import Run

from support.clones import Clone, client_of, commit

FILES = {"trials.csv", "curves.csv", "verdicts.json", "summary.md", "forest.svg"}
STUDY = {
    "question": "Is a larger step better?",
    "baseline": {
        "model.filters": [4],
        "prepare.train_size": 300,
        "prepare.validation_size": 100,
        "train.epochs": 1,
    },
    "variants": [{"name": "larger", "changes": {"train.learning_rate": 0.003}}],
    "seeds": 6,
    "measures": [{"name": "test_accuracy", "better": "higher", "worth": 0.005}],
}
SEEDS = range(6)


def write(clone: Clone, name: str = "tiny", **changes: object) -> None:
    """Write the small study, or one that differs from it, into a clone."""
    (clone.folder / f"studies/{name}.yaml").write_text(yaml.safe_dump(STUDY | changes, sort_keys=False))


def only(clone: Clone) -> None:
    """Leave a clone no study but the small one."""
    for path in (clone.folder / "studies").glob("*.yaml"):
        if path.stem not in ("base", "dvc"):
            path.unlink()
    clone.run("rm", "-r", "studies/results", "studies/dvc.lock")
    stages = clone.folder / "studies/dvc.yaml"
    lines = ["    foreach: []" if "foreach:" in line else line for line in stages.read_text().splitlines()]
    stages.write_text("\n".join(lines) + "\n")
    write(clone)
    commit(clone, "one study")


def results(clone: Clone, name: str = "tiny") -> dict[str, bytes]:
    """The contents of a study's results, by their names."""
    return {path.name: path.read_bytes() for path in (clone.folder / "studies/results" / name).iterdir()}


def kept(clone: Clone) -> dict[Path, int]:
    """The trials that a clone has, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in (clone.folder / ".convscope/trials").glob("*.npz")}


def told(clone: Clone, experiment: str) -> list[Run]:
    """The runs of one of the experiments about studies."""
    client = client_of(clone)
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id]) if found else []
