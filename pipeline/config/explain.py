"""What pydantic finds wrong with settings, each in a line that names the key, what was found and what is allowed."""

import difflib
import json
from typing import Any

from pydantic import BaseModel, ValidationError


def explained(error: ValidationError, settings: type[BaseModel]) -> list[str]:
    """Return a line for each mistake; a misspelt key is not told as a missing one too."""
    mistakes: list[dict[str, Any]] = [dict(mistake) for mistake in error.errors()]
    meant = [_meant(mistake["loc"], settings) for mistake in mistakes if mistake["type"] == "extra_forbidden"]
    told = [mistake for mistake in mistakes if mistake["type"] != "missing" or mistake["loc"] not in meant]
    return [_line(mistake, settings) for mistake in told]


def _line(mistake: dict[str, Any], settings: type[BaseModel]) -> str:
    *parents, key = [str(part) for part in mistake["loc"]] or [""]
    name = ".".join([*parents, key])
    found = mistake["input"]
    match mistake["type"]:
        case "extra_forbidden":
            meant = _meant(mistake["loc"], settings)
            hint = f"did you mean {'.'.join(meant)}? " if meant else ""
            return f"{name}: unknown key; {hint}allowed here: {', '.join(_keys(parents, settings))}"
        case "missing":
            return f"{name}: missing; it must be given"
        case "value_error":
            return str(mistake["ctx"]["error"])
        case _:
            return f"{name}: found {json.dumps(found)}; {mistake['msg'][0].lower()}{mistake['msg'][1:]}"


def _meant(place: tuple[Any, ...], settings: type[BaseModel]) -> tuple[str, ...] | None:
    """Return the place of the key that an unknown one is most like, if any is like it."""
    *parents, key = map(str, place)
    near = difflib.get_close_matches(key, _keys(parents, settings), n=1)
    return (*parents, near[0]) if near else None


def _keys(parents: list[str], settings: type[BaseModel]) -> list[str]:
    section: Any = settings
    for parent in parents:
        section = section.model_fields[parent].annotation
    return list(section.model_fields)
