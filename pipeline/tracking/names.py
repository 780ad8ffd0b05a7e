"""Names as MLflow takes them: letters, digits, `_`, `-`, `.` and spaces, no path among them."""

import re

LONGEST = 100  # characters of the 250 that a metric's name may have


def clean(name: str) -> str:
    """Return a name with `_` for what MLflow refuses."""
    return re.sub(r"[^\w.\- ]+", "_", name).strip(" .")[:LONGEST].rstrip(" .") or "_"


def distinct(names: list[str]) -> dict[str, str]:
    """Return a clean name for each name, numbered where another has it already, if only in capitals."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        number, free = 1, clean(name)
        while free.casefold() in taken:
            number += 1
            free = f"{clean(name)} {number}"
        taken.add(free.casefold())
        found[name] = free
    return found
