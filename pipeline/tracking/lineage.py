"""What dvc.yaml and dvc.lock say of a stage, and what its results amount to."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pathspec import GitIgnoreSpec


@dataclass(frozen=True)
class Declared:
    """What dvc.yaml says of a stage."""

    settings: list[str]  # of params.yaml: sections, or single keys
    inputs: list[Path]  # but for the code
    results: list[Path]


def stages() -> dict[str, Any]:
    """Return what dvc.yaml says of each stage."""
    return _read_yaml(Path("dvc.yaml"))["stages"]  # type: ignore[no-any-return]


def declared(name: str) -> Declared:
    """Return what dvc.yaml says of a stage."""
    stage = stages()[name]
    results = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return Declared(
        settings=stage.get("params", []),
        inputs=[Path(dep) for dep in stage.get("deps", []) if not dep.startswith("pipeline/")],
        results=[Path(next(iter(out)) if isinstance(out, dict) else out) for out in results],
    )


def hashes() -> dict[str, str]:
    """Return the hash of every output that dvc.lock knows, by path; none before the first `dvc repro`."""
    lock = Path("dvc.lock")
    locked = _read_yaml(lock)["stages"] if lock.exists() else {}
    return {out["path"]: out["md5"] for stage in locked.values() for out in stage.get("outs", [])}


def digest(places: list[Path]) -> str:
    """Return the SHA-256 over the names and contents of files and of all files in folders, but for what DVC ignores."""
    total = hashlib.sha256()
    dvcignore = Path(".dvcignore")
    ignored = GitIgnoreSpec.from_lines(dvcignore.read_text().splitlines() if dvcignore.exists() else [])
    for place in sorted(places):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not ignored.match_file(path):
                with path.open("rb") as file:
                    total.update(path.as_posix().encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def numbers(tree: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested metrics by their joined names, `precision: {3: 0.98}` as `precision.3`."""
    found: dict[str, float] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[prefix + key] = float(value)
    return found


def _read_yaml(path: Path) -> Any:
    """Read YAML that DVC has checked, by PyYAML's parser in C: eight times as fast."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
