"""What is compared: a run's files, wherever they are kept. They are only read; nothing is checked out or changed."""

import re
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.experiments.utils import exp_refs
from dvc.scm import RevError, resolve_rev
from dvc_data.index import DataIndexDirError

from pipeline.config import params, paths, repository
from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.tracking import lineage, store

WORKSPACE = "workspace"
SETTINGS = Path("params.yaml")
TEST_IMAGES = paths.RAW / idx.TEST_IMAGES
FILES = [SETTINGS, lineage.LOCK, paths.HISTORY, paths.PREDICTIONS, paths.TRAINED_KERNELS, TEST_IMAGES]
NAMED = 5  # experiments that a message names


@dataclass(frozen=True)
class Side:
    """A run, and those of its files that are needed here."""

    name: str  # as it was asked for
    told: str  # what that is
    locked: dict[str, Any]  # the stages of its dvc.lock
    files: dict[Path, bytes]
    absent: str  # which files of its dvc.lock could not be had, and what brings them; nothing where all are here


def find(name: str) -> Side:
    """Return what a name stands for: the workspace, a revision of git, an experiment of DVC, or a complete MLflow run.

    Raises UserError where it stands for none of them, or for one without results.
    """
    if name == WORKSPACE:
        cure = "missing in the workspace; `dvc checkout` or `dvc pull` brings them, `dvc repro` makes them"
        return collect(name, "what lies in the project's folder now", in_workspace, cure)
    try:
        with Repo(str(repository.root())) as project:
            side = of_revision(project, name) or of_mlflow_run(project, name)
            if side is None:
                experiments = sorted({reference.name for reference in exp_refs(project.scm)})
                some = ", ".join([*experiments[:NAMED], *["..."] * (len(experiments) > NAMED)]) or "there is none yet"
                raise UserError(
                    f"compare: found {name}; allowed are {WORKSPACE}, a branch, tag or commit of git, an experiment of "
                    f"DVC ({some}), and the id of a run in the table {store.EXPERIMENTS} of `make ui`"
                )
            return side
    except DvcException as error:
        raise UserError(f"compare: {name}: {' '.join(str(error).split())}") from None


def in_workspace(path: Path) -> bytes | None:
    """Return a file as it lies there now."""
    place = repository.root() / path
    return place.read_bytes() if place.is_file() else None


def of_revision(project: Repo, name: str) -> Side | None:
    """Return the run of a commit, whose name may be an experiment's; its results come from DVC's cache or remote."""
    commit = commit_of(project, name)
    if commit is None:
        return None

    def read(path: Path) -> bytes | None:
        try:
            with project.dvcfs.open(f"/{path}", "rb") as file:
                return bytes(file.read())
        except (OSError, DvcException, DataIndexDirError):  # not there, nor in a cache or a remote
            return None

    is_experiment = name in {reference.name for reference in exp_refs(project.scm)}
    subject = textwrap.shorten(repository.git("log", "-1", "--format=%s", commit), 72, placeholder="…")
    told = f"DVC's experiment, commit {commit[:7]}" if is_experiment else f"commit {commit[:7]}, {subject}"
    cure = "neither in DVC's cache nor in a remote; " + (
        f"`dvc exp push` where it ran, then `dvc exp pull <git remote> {name}`"
        if is_experiment
        else "`dvc push` where they were made, then `dvc fetch --all-commits`"
    )
    with project.switch(commit):
        return collect(name, told, read, cure)


def commit_of(project: Repo, name: str) -> str | None:
    """Return the commit of a revision or an experiment. Raises DvcException for a name of two experiments."""
    try:
        found = resolve_rev(project.scm, name) if name else ""
    except RevError as error:
        if "ambiguous" in str(error):
            raise
        return None
    return repository.git("rev-parse", "--verify", "--quiet", f"{found}^{{commit}}") or None


def of_mlflow_run(project: Repo, name: str) -> Side | None:
    """Return a complete run of MLflow; the test images are in DVC's cache, by its dvc.lock."""
    if not re.fullmatch("[0-9a-f]{32}", name) or (store.is_local() and not store.database().exists()):
        return None
    from mlflow.artifacts import download_artifacts  # takes a second to load

    from pipeline.tracking import client as tracking_client
    from pipeline.tracking.mlflow_model import files_below

    with tracking_client.store_errors():
        client = tracking_client.connect()
        run = tracking_client.complete_run(client, name)
        if run is None:
            return None
        stored = files_below(lambda folder: client.list_artifacts(name, folder))
        with tempfile.TemporaryDirectory(prefix="convscope-") as folder:

            def read(path: Path) -> bytes | None:
                if path.as_posix() not in stored:
                    return None
                return Path(
                    download_artifacts(run_id=name, artifact_path=path.as_posix(), dst_path=folder)
                ).read_bytes()

            def read_or_cached(path: Path) -> bytes | None:
                content = read(path)
                if content is None and path == TEST_IMAGES:
                    text = read(lineage.LOCK) or b"stages: {}"
                    locked = params.read_tree(text.decode(), f"{name}: {lineage.LOCK}").get("stages", {})
                    place = project.cache.local.oid_to_path(lineage.hashes_in(locked).get(str(path), "none"))
                    content = Path(place).read_bytes() if Path(place).is_file() else None
                return content

            told = f"MLflow's run of commit {run.data.tags.get('git.commit', 'unknown')[:7]}, {run.info.run_name}"
            return collect(name, told, read_or_cached, "neither among the run's artifacts nor in DVC's cache")


def collect(name: str, told: str, read: Callable[[Path], bytes | None], cure: str) -> Side:
    """Return the files that can be read, with every metrics file that its dvc.lock names, whichever version wrote it.

    Raises UserError where there is no dvc.lock, or nothing that it names.
    """
    files = {path: content for path in FILES if (content := read(path)) is not None}
    if not {SETTINGS, lineage.LOCK} <= files.keys():
        raise UserError(f"compare: {name}: {told}: it has no params.yaml with a dvc.lock, and so no results")
    locked = params.read_tree(files[lineage.LOCK].decode(), f"{name}: {lineage.LOCK}").get("stages", {})
    outputs = {Path(path) for path in lineage.hashes_in(locked)}
    metrics = sorted(path for path in outputs if path.parent == paths.METRICS and path.suffix == ".json")
    files |= {path: content for path in metrics if (content := read(path)) is not None}
    needed = [path for path in [*FILES, *metrics] if outputs & {path, *path.parents}]
    missing = [str(path) for path in needed if path not in files]
    absent = f"{', '.join(missing)}: {cure}" if missing else ""
    if len(missing) == len(needed):
        raise UserError(f"compare: {name}: {absent or 'its dvc.lock names no results'}")
    return Side(name, told, locked, files, absent)
