"""Look before DVC starts: stop where files of yours would be lost, and fetch own images again that changed."""

import argparse
import fcntl
import fnmatch
import subprocess
import tempfile
from pathlib import Path

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.sources import places
from pipeline.tracking import lineage


def pictures(*names: str) -> tuple[str, ...]:
    """Return the files of figures, each of which is written twice."""
    return tuple(f"{name}.{form}" for name in names for form in ("png", "svg"))


# All that the pipeline writes into output folders, which DVC empties before a stage runs. Other outputs are declared
# file by file, and DVC leaves what lies beside them.
WRITTEN = {
    "data/prepared": ("classes.txt", "*_images.npy", "*_labels.npy"),
    "figures/error_analysis": pictures(
        *["confidence", "confusion", "doubtful_*", "filters_*", "misclassified", "places_*", "reliability", "right"],
        *["risk_coverage", "wrong"],
    ),
    "figures/kernel_demo": pictures("edge_kernel", "max_pooling", "random_kernels"),
    "figures/robustness": pictures("curves", "samples", "shifts"),
    "figures/visualise": pictures("activations_*", "curves", "edge_auroc", "filter", "kernels_*", "ridge", "types"),
}


def foreign_files() -> list[Path]:
    """Return the files in output folders that no stage writes; what .dvcignore names does not count."""
    return [
        path
        for folder, names in WRITTEN.items()
        for path in lineage.files_in(Path(folder))
        # a stage that was killed leaves the file it was about to write under a name with a dot before it
        if not any(
            fnmatch.fnmatch(path.relative_to(folder).as_posix(), form)
            for name in names
            for form in (name, f".{name}.*")
        )
    ]


def check() -> None:
    """Raise UserError, with a line for each, where DVC would remove files that it did not make, or has no locks."""
    try:
        with tempfile.TemporaryFile(dir=".") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        reason = f"files cannot be locked here ({error.strerror}), which DVC and MLflow need"
        raise UserError(f"{Path.cwd()}: {reason}: move the project to a disk of this machine") from None
    problems = [
        f"{path}: is not the pipeline's, and DVC empties {path.parts[0]}/{path.parts[1]}: move it to another folder"
        for path in foreign_files()
    ]
    fetch = params.load().fetch
    for key, value in (("dataset", fetch.dataset), ("source", fetch.source)):
        if value is None:
            continue
        place = places.resolve(value).resolve()
        for folder in [*WRITTEN, "data/raw"]:
            if place.exists() and place.is_relative_to(Path(folder).resolve()):
                problems.append(
                    f"params.yaml: fetch.{key}: found {value}, which lies in {folder}, an output of the pipeline: "
                    "move your files to a folder of their own, and name that"
                )
    if problems:
        raise UserError("\n".join(problems))


def main() -> None:
    """Say nothing where all is well; where something is in the way say what, and exit with 1."""
    argparse.ArgumentParser(prog="python -m pipeline.commands.guard", description=__doc__).parse_args()
    try:
        check()
    except UserError as error:
        raise SystemExit(str(error)) from None
    dataset = params.load().fetch.dataset
    if places.has_changed(places.resolve(dataset)):
        print(f"guard: {dataset} has changed since it was read: fetch reads it again", flush=True)
        raise SystemExit(subprocess.run(["dvc", "repro", "--force", "--single-item", "fetch"]).returncode)


if __name__ == "__main__":
    main()
