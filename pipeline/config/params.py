"""params.yaml, checked once: every setting of the pipeline, frozen."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.config.errors import UserError
from pipeline.config.explain import explain
from pipeline.config.sections import Params


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check all settings.

    Raises UserError as `parse` does, and when there is no such file.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run in the folder that holds it") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error}") from None


def parse(text: str, name: str) -> Params:
    """Check settings in YAML; `name` says in messages where they come from.

    Raises UserError, with a line for each mistake, naming the key, what was found and what is allowed.
    """
    tree = read_tree(text, name)
    try:
        # by way of JSON, since there a list may become a tuple and a whole number a float, and nothing else changes
        return Params.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise UserError("\n".join(f"{name}: {line}" for line in explain(error, Params))) from None
    except (TypeError, ValueError, RecursionError) as error:  # a date as a key, an alias of itself
        raise UserError(f"{name}: not a tree of settings: {error}") from None


def read_tree(text: str, name: str, settings: type[BaseModel] = Params) -> dict[str, Any]:
    """Return the keys of such settings in YAML as they stand, unchecked. Raises UserError where there are none."""
    try:
        tree = YAML(typ="safe", pure=True).load(text)  # YAML 1.2, as DVC reads and writes it: 1e-05 is a number
    except YAMLError as error:
        problem = str(error)
        if isinstance(error, MarkedYAMLError) and error.problem_mark:
            problem = f"line {error.problem_mark.line + 1}: {error.problem}"
        raise UserError(f"{name}: not readable as YAML: {' '.join(problem.split())}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{name}: not a tree of settings: {error}") from None
    if not isinstance(tree, dict):
        found = json.dumps(tree, default=str)
        raise UserError(
            f"{name}: found {found}; needed are the {'sections' if settings is Params else 'keys'} "
            f"{', '.join(settings.model_fields)}"
        )
    return tree


def flat(settings: BaseModel, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return settings as `section.key` to value: all, or those of the named sections and single keys."""
    leaves = leaves_of(settings.model_dump(mode="json"))
    return leaves if names is None else chosen(leaves, names)


def chosen(leaves: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the settings of the named sections, and those that are named themselves."""
    return {key: value for key, value in leaves.items() if key in names or key.split(".")[0] in names}


def leaves_of(tree: dict[str, Any]) -> dict[str, Any]:
    """Return sections of keys as `section.key` to value."""
    return {
        f"{section}.{key}": value
        for section, values in tree.items()
        if isinstance(values, dict)
        for key, value in values.items()
    }
