"""Random settings, drawn from the fields of the sections themselves: a new one is drawn wherever settings are."""

import string
from typing import Any, get_type_hints

from hypothesis import assume
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipeline.config.sections import Params, Section

texts = st.text(string.printable + "ä\u2028€")


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values that a field of this type takes."""
    if hint is str:
        return texts
    if hint == str | None:
        return st.none() | texts
    adapter = TypeAdapter(hint, config=Section.model_config)

    def taken(value: object) -> bool:
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError:
            return False
        return True

    return st.from_type(hint).filter(taken)


def drawn(section: type[Section], **narrower: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Settings of a section, some of them from narrower ranges than it takes."""
    hints = {key: hint for key, hint in get_type_hints(section, include_extras=True).items() if key != "model_config"}
    assert narrower.keys() <= hints.keys()
    return st.fixed_dictionaries({key: narrower.get(key, values(hint)) for key, hint in hints.items()})


def fit_together(model: dict[str, Any]) -> dict[str, Any]:
    """Settings of the network, changed where two of them do not fit together."""
    number = len(model["filters"])
    pool_after = tuple(sorted({1 + place % number for place in model["pool_after"] or () if number})) or None
    odd = 2 * model["kernel_size"] + 1
    return model | {
        "pool_after": pool_after,
        "kernel_size": odd if model["kernel_init"] == "edges" else model["kernel_size"],
    }


@st.composite
def trees(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Settings of all sections that fit together."""
    tree = {name: draw(drawn(field.annotation)) for name, field in Params.model_fields.items()}
    tree["model"] = fit_together(tree["model"])
    ends = tree["kernel_demo"]["low"], tree["kernel_demo"]["high"]
    assume(ends[0] != ends[1])
    tree["kernel_demo"] |= {"low": min(ends), "high": max(ends)}
    if tree["model"]["filters"]:
        tree["visualise"]["filter"] %= tree["model"]["filters"][0]
    if tree["prepare"]["validation"] == "test":
        tree["train"]["early_stopping"] = None
    return {
        name: {key: list(value) if isinstance(value, tuple) else value for key, value in section.items()}
        for name, section in tree.items()
    }
