"""What pydantic finds wrong with settings, each in a line that names the key, what was found and what is allowed."""

import difflib
import json
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, settings: type[BaseModel]) -> list[str]:
    """Return a line for each validation error; a misspelt key is not told as a missing one too.

    Nor is a list told as too short because of what is wrong in it.
    """
    all_details: list[dict[str, Any]] = [dict(detail) for detail in error.errors()]
    around = {detail["loc"][:length] for detail in all_details for length in range(len(detail["loc"]))}
    details = [detail for detail in all_details if detail["loc"] not in around]
    meant = [_meant(detail["loc"], settings) for detail in details if detail["type"] == "extra_forbidden"]
    told = [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in meant]
    return [_line(detail, settings) for detail in told]


def _line(detail: dict[str, Any], settings: type[BaseModel]) -> str:
    *parents, key = [str(part) for part in detail["loc"]] or [""]
    name = ".".join([*parents, key])
    found = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            meant = _meant(detail["loc"], settings)
            hint = f"did you mean {'.'.join(meant)}? " if meant else ""
            return f"{name}: unknown key; {hint}allowed here: {', '.join(_keys(parents, settings))}"
        case "missing":
            return f"{name}: missing; it must be given"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return f"{name}: found {json.dumps(found)}; {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _meant(place: tuple[Any, ...], settings: type[BaseModel]) -> tuple[str, ...] | None:
    """Return the place of the key that an unknown one is most like, if any is like it."""
    *parents, key = map(str, place)
    near = difflib.get_close_matches(key, _keys(parents, settings), n=1)
    return (*parents, near[0]) if near else None


def _keys(parents: list[str], settings: type[BaseModel]) -> list[str]:
    section: Any = settings
    for parent in parents:
        # a number is a place in a list, whose items are all of one kind
        section = get_args(section)[0] if parent.isdecimal() else section.model_fields[parent].annotation
    return list(section.model_fields)
