"""Mend what a kill or a move left behind: two files that DVC writes in place, and the places that MLflow remembers."""

import argparse
import json
import re
from pathlib import Path

import psutil
import voluptuous
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from pipeline.config.errors import UserError
from pipeline.config.repository import root
from pipeline.data import files
from pipeline.tracking import local, store


def is_damaged(path: Path) -> bool:
    """Tell whether DVC could not read this file; it writes it in place, so that a kill leaves it empty or cut."""
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def is_lock(text: str) -> bool:
    """Tell whether DVC could read this as its dvc.lock, by its own schema, and whether any stage is in it."""
    try:
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return bool(COMPILED_LOCKFILE_SCHEMA(content).get("stages"))
    except (yaml.YAMLError, voluptuous.Invalid):
        return False


def whole_stages(text: str) -> str:
    """Return a dvc.lock without what a kill left half-written at its end; nothing where no stage is whole."""
    starts = [found.start() for found in re.finditer(r"^  \S", text, re.MULTILINE)]
    return next((text[:end] for end in (len(text), *reversed(starts)) if is_lock(text[:end])), "")


def mend_lock(path: Path) -> None:
    """Cut off a dvc.lock where a DVC that was killed left it half-written, and say so.

    DVC writes it in place after every stage. The stages that it has lost come back from DVC's cache, or run again.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    if text is None or is_lock(text):
        return
    kept = whole_stages(text)
    if dvc_runs():
        print("mend: dvc.lock is damaged, and DVC runs here; once it has ended, `make mend` mends it")
    elif kept:
        files.write_text(path, kept)
        print("mend: dvc.lock cut off where a DVC that was killed had left it half-written")
    else:
        path.unlink()
        print("mend: dvc.lock removed; a DVC that was killed had left it empty or damaged")


def dvc_runs() -> bool:
    """Tell whether a DVC command runs in the project; it holds no lock while a stage of its works."""
    for process in psutil.process_iter(["cmdline", "cwd"]):  # None where the system does not tell
        command = [Path(word).name for word in (process.info["cmdline"] or [])[:3]]  # python, dvc or -m dvc
        if "dvc" in command and Path(process.info["cwd"] or "/").is_relative_to(root()):
            return True
    return False


def main() -> None:
    """Mend them, and say so; where there is nothing to mend say nothing."""
    argparse.ArgumentParser(prog="python -m pipeline.commands.mend", description=__doc__).parse_args()
    rwlock = root() / ".dvc/tmp/rwlock"
    if is_damaged(rwlock):
        if dvc_runs():
            print("mend: .dvc/tmp/rwlock is damaged, and DVC runs here; once it has ended, `make mend` mends it")
        else:
            rwlock.unlink()
            print("mend: .dvc/tmp/rwlock removed; a DVC that was killed had left it damaged")
    mend_lock(root() / "dvc.lock")
    if store.is_local() and store.database().exists():
        try:
            local.check()
            with store.lock():
                local.follow_the_project()
        except UserError as error:
            print(f"mend: {error}")  # a stage that needs the store will stop; others need not


if __name__ == "__main__":
    main()
