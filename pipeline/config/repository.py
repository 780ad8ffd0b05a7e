"""The project that the pipeline stands in, and what git says of it."""

import os
import subprocess
from pathlib import Path


def root() -> Path:
    """Return the project's folder, which owns the store: the nearest one upwards with a dvc.yaml.

    DVC_ROOT goes before it: stages of queued experiments run in temporary clones, and it names the project they are of.
    git's top level would be wrong: the project may be a part of a larger repository.
    """
    if named := os.environ.get("DVC_ROOT"):
        return Path(named).absolute()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").exists()), here)


def git(*arguments: str) -> str:
    """Return what git says, or nothing outside a repository, or where git refuses this one as another user's."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True).stdout.strip()


def code_tags() -> dict[str, str]:
    """Return tags that say which code runs: the commit, whether tracked files differ from it, DVC's experiment.

    params.yaml and dvc.lock may differ: a run holds the one, and the other follows from the rest.
    """
    commit = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!params.yaml", ":!dvc.lock")
    tags = {
        "git.commit": commit or "unknown",
        "git.dirty": ("true" if changed else "false") if commit else "unknown",  # no answer is not a clean tree
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}
