"""Where own images lie, and whether they changed: DVC does not look at a place that only a setting names."""

import hashlib
import json
import os
from pathlib import Path

from pipeline.config import paths, repository
from pipeline.config.errors import UserError


def resolve(value: str) -> Path:
    """Return the place that a setting names: a home's by ~, else seen from the project, also in a queued run."""
    return repository.root() / os.path.expanduser(value)  # noqa: PTH111, since Path's raises for ~nobody


def place_of(key: str, value: str) -> Path:
    """Return the place that a setting names. Raises UserError where fetch itself writes there."""
    place = resolve(value)
    if place.resolve().is_relative_to(paths.RAW.resolve()):
        raise UserError(
            f"params.yaml: fetch.{key}: found {value}, where fetch itself writes; move your files elsewhere"
        )
    return place


def stamp(place: Path) -> str:
    """Return a hash of the names, sizes and times of a file, or of all files in a folder."""
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    told = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def remember(place: Path) -> None:
    """Note what a place is like, now that it is read."""
    _path().parent.mkdir(exist_ok=True)
    _path().write_text(json.dumps({str(place): stamp(place)}), encoding="utf-8")


def has_changed(place: Path) -> bool:
    """Tell whether a place is other than it was when it was read; not where nobody noted that, or where it is gone."""
    noted = json.loads(_path().read_text(encoding="utf-8")).get(str(place)) if _path().exists() else None
    return noted is not None and place.exists() and noted != stamp(place)


def _path() -> Path:
    return repository.root() / ".convscope/images.json"
