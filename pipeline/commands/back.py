"""Go back to the last commit's settings and results: params.yaml, dvc.lock, and what that names, from DVC's cache."""

import argparse
import subprocess
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo

from pipeline.config.errors import UserError


def in_cache(out: Any, hash_info: Any) -> bool:
    """Tell whether DVC's cache has the whole of an output with this hash."""
    out.hash_info = hash_info
    return not out.changed_cache()


def outputs(repository: Repo) -> list[Any]:
    """Return the outputs of dvc.yaml; those of studies are git's."""
    return [out for out in repository.index.outs if out.stage.path_in_repo == "dvc.yaml"]


def differing(repository: Repo) -> list[str]:
    """Return the outputs that are not as the last commit's dvc.lock names them.

    Raises UserError where one of them could not be brought, or what lies there now could not be brought back.
    """
    with repository.switch("HEAD"):
        committed = {out.def_path: out.hash_info for out in outputs(repository) if out.hash_info}
    if not committed:
        raise UserError("back: the last commit has no dvc.lock; `make` makes it, then commit it")
    found, missing, unsaved = [], [], []
    for out in outputs(repository):
        present, wanted = out.get_hash() if out.exists else None, committed.get(out.def_path)
        if wanted is None or present == wanted:
            continue
        if not in_cache(out, wanted):
            if not out.use_cache:
                continue  # what publish notes for itself, and no cache has; the next `make` publishes again
            missing.append(out.def_path)
        elif present is not None and not in_cache(out, present):
            unsaved.append(out.def_path)
        found.append(out.def_path)
    if missing:
        raise UserError(
            f"back: nothing is changed, since DVC's cache lacks what the last commit's dvc.lock names: "
            f"{', '.join(missing)}; "
            "`git checkout HEAD -- params.yaml dvc.lock`, then `make` (or `dvc repro`) rebuilds it"
        )
    if unsaved:
        raise UserError(
            f"back: nothing is changed, since DVC's cache lacks what lies here now: {', '.join(unsaved)}; "
            "`dvc data status --granular` lists the files; move them away first"
        )
    return found


def main() -> None:
    """Look first whether all can be had, then go back; or say in one line what is missing, and change nothing."""
    argparse.ArgumentParser(prog="python -m pipeline.commands.back", description=__doc__).parse_args()
    repository = Repo()
    try:
        with lock_repo(repository):
            targets = differing(repository)
            command = ["git", "checkout", "--quiet", "HEAD", "--", "params.yaml", "dvc.lock"]
            subprocess.run(command, check=True, capture_output=True, text=True)
            repository._reset()  # it has read the other dvc.lock
            if targets:
                repository.checkout(targets)
    except UserError as error:
        raise SystemExit(str(error)) from None
    except DvcException as error:
        raise SystemExit(f"back: {error}") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"back: {error.stderr.strip()}") from None
    print(f"back: params.yaml and dvc.lock as committed, and {len(targets)} outputs brought back from DVC's cache")


if __name__ == "__main__":
    main()
