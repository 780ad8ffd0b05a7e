"""Remove what the pipeline made, as dvc.lock names it, and nothing else: `make` brings it back from DVC's cache."""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

from dvc.repo import Repo


def made_by_dvc(repository: Repo) -> Iterator[tuple[Path, str]]:
    """Return every file of the outputs with its MD5, those in output folders by the folder's list in DVC's cache."""
    for out in repository.index.outs:
        if not out.hash_info or out.stage.path_in_repo != "dvc.yaml":
            continue  # never made, or of a study: git has it
        place = Path(out.fs_path)
        if not out.hash_info.isdir:
            yield place, out.hash_info.value
        elif listing := out.get_obj():
            for parts, _, hash_info in listing:
                yield place.joinpath(*parts), hash_info.value
        else:
            print(f"clean: {out.def_path} is left: DVC's cache has no list of its files")


def remove(path: Path, md5: str) -> bool:
    """Remove a file that has this content, and folders that are then empty; tell whether it was there."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if hashlib.file_digest(file, "md5").hexdigest() != md5:
            return False
    path.unlink()
    for folder in path.parents:
        if any(folder.iterdir()):
            break
        folder.rmdir()
    return True


def main() -> None:
    """Remove the files, and say what was left in their folders."""
    argparse.ArgumentParser(prog="python -m pipeline.commands.clean", description=__doc__).parse_args()
    repository = Repo()
    root = Path(repository.root_dir)
    files = dict(made_by_dvc(repository))
    removed = sum(remove(path, md5) for path, md5 in files.items())
    print(f"clean: {removed} files removed")
    for folder in sorted({path.relative_to(root).parts[0] for path in files}):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                print(f"clean: {path.relative_to(root)} is left: the pipeline did not make it, or it was changed since")


if __name__ == "__main__":
    main()
