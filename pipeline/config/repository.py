"""The repository that the pipeline stands in, and what git says of it."""

import os
import subprocess
from pathlib import Path


def root() -> Path:
    """Return the repository that owns the store: stages of queued experiments run in temporary clones of it."""
    return Path(os.environ.get("DVC_ROOT") or git("rev-parse", "--show-toplevel") or ".").absolute()


def git(*arguments: str) -> str:
    """Return what git says, or nothing outside a repository."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True).stdout.strip()


def code_tags() -> dict[str, str]:
    """Return tags that say which code runs: the commit, whether tracked files differ from it, DVC's experiment.

    params.yaml and dvc.lock may differ: a run holds the one, and the other follows from the rest.
    """
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!params.yaml", ":!dvc.lock")
    tags = {
        "git.commit": git("rev-parse", "HEAD"),
        "git.dirty": "true" if changed else "false",
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}
