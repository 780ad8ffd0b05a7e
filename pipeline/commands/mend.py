"""Mend what a kill or a move left behind: DVC's file of who reads and writes, and the places that MLflow remembers."""

import argparse
import json
from pathlib import Path

import psutil

from pipeline.config.errors import UserError
from pipeline.config.repository import root
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


def dvc_runs() -> bool:
    """Tell whether a DVC command runs in the project; it holds no lock while a stage of its works."""
    for process in psutil.process_iter(["cmdline", "cwd"]):  # None where the system does not tell
        command = [Path(word).name for word in (process.info["cmdline"] or [])[:3]]  # python, dvc or -m dvc
        if "dvc" in command and Path(process.info["cwd"] or "/").is_relative_to(root()):
            return True
    return False


def main() -> None:
    """Mend both, and say so; where there is nothing to mend say nothing."""
    argparse.ArgumentParser(prog="python -m pipeline.commands.mend", description=__doc__).parse_args()
    rwlock = root() / ".dvc/tmp/rwlock"
    if is_damaged(rwlock):
        if dvc_runs():
            print("mend: .dvc/tmp/rwlock is damaged, and DVC runs here; once it has ended, `make mend` mends it")
        else:
            rwlock.unlink()
            print("mend: .dvc/tmp/rwlock removed; a DVC that was killed had left it damaged")
    if store.is_local() and store.database().exists():
        try:
            local.check()
            with store.lock():
                local.follow_the_project()
        except UserError as error:
            print(f"mend: {error}")  # a stage that needs the store will stop; others need not


if __name__ == "__main__":
    main()
