"""What dvc.yaml and dvc.lock say of a stage, and what its results amount to."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pathspec import GitIgnoreSpec

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.config.sections import Params

LOCK = Path("dvc.lock")
CURE = "`dvc checkout` brings back what dvc.lock names, `dvc repro` makes what params.yaml asks for"


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


def origin(name: str, settings: Params) -> dict[str, Any]:
    """Return all that a stage's result follows from: settings by key, hashes of inputs and code by path, versions."""
    stage = stages()[name]
    versions = {package: importlib.metadata.version(package) for package in ("keras", "numpy", "tensorflow")}
    return params.flat(settings, stage["params"]) | {dep: digest([Path(dep)]) for dep in stage["deps"]} | versions


def hashes() -> dict[str, str]:
    """Return the hash of every result that dvc.lock knows, by path; none before the first `dvc repro`.

    What publish made is left out: while it runs, dvc.lock still holds what it made the last time.
    """
    return hashes_in(_read_yaml(LOCK)["stages"] if LOCK.exists() else {})


def hashes_in(locked: dict[str, Any]) -> dict[str, str]:
    """Return the hash of every result of these stages of a dvc.lock, by path, but for publish's."""
    return {
        out["path"]: out["md5"] for name, stage in locked.items() if name != "publish" for out in stage.get("outs", [])
    }


def lock_before_publish() -> str:
    """Return dvc.lock as it was before publish ran for the first time."""
    return re.sub(r"^  publish:\n(?:    .*\n)*", "", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)


def check() -> None:
    """Make sure that the results are those of params.yaml, as dvc.lock knows them.

    Raises UserError naming the first setting or file that is not what dvc.lock says.
    """
    text = LOCK.read_text(encoding="utf-8") if LOCK.exists() else "stages: {}"
    locked = params.read_tree(text, str(LOCK))["stages"]
    settings = params.leaves_of(params.read_tree(Path("params.yaml").read_text(encoding="utf-8"), "params.yaml"))
    for name in stages():
        if name == "publish":
            continue
        if name not in locked:
            raise UserError(f"publish: dvc.lock knows no results of {name}; {CURE}")
        for difference in unlike(locked[name], settings):
            raise UserError(f"publish: {difference}: the results are those of another experiment; {CURE}")
        for out in locked[name].get("outs", []):
            if dvc_hash(Path(out["path"])) != out["md5"]:
                raise UserError(f"publish: {out['path']} is not what dvc.lock says; {CURE}")


def unlike(locked: dict[str, Any], settings: dict[str, Any]) -> Iterator[str]:
    """Yield each setting of params.yaml that is not the one with which a stage of dvc.lock ran."""
    made_with = locked.get("params", {}).get("params.yaml", {})
    known = params.leaves_of(made_with) | {key: made_with[key] for key in made_with if "." in key}
    asked = params.chosen(settings, list(made_with))
    for key in sorted(known.keys() | asked.keys()):
        if known.get(key) != asked.get(key):
            yield f"{key} is {asked.get(key)} in params.yaml, {known.get(key)} in dvc.lock"


def dvc_hash(place: Path) -> str | None:
    """Return the hash by which DVC knows a file or a folder; None where there is nothing."""
    if not place.is_dir():
        return _md5(place) if place.exists() else None
    listing = [{"md5": _md5(path), "relpath": path.relative_to(place).as_posix()} for path in files_in(place)]
    text = json.dumps(sorted(listing, key=lambda entry: entry["relpath"]), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"


def files_in(place: Path) -> Iterator[Path]:
    """Yield a file itself, or all files in a folder and its folders, in the order of their names, as DVC has them.

    What .dvcignore names, the droppings of file managers and editors, does not count.
    """
    dvcignore = Path(".dvcignore")
    ignored = GitIgnoreSpec.from_lines(dvcignore.read_text().splitlines() if dvcignore.exists() else [])
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        if path.is_file() and not ignored.match_file(path):
            yield path


def digest(places: list[Path]) -> str:
    """Return the SHA-256 over the names and contents of files and of all files in folders, but for what DVC ignores."""
    total = hashlib.sha256()
    for place in sorted(places):
        for path in files_in(place):
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


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _read_yaml(path: Path) -> Any:
    """Read YAML that DVC has checked, by PyYAML's parser in C: eight times as fast."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
