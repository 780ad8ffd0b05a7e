"""Answer questions by many trials: bring the results of studies up to date, draw their pages, log them to MLflow."""

import argparse
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.studies import code, library, page, results, spec, tables
from pipeline.studies.summary import readme_table
from pipeline.tracking import studies as tracked
from pipeline.tracking.studies import TrackedTrial

PAGES = Path("report/studies")
MARKS = ("<!-- studies: written by python -m pipeline.commands.study --readme -->", "<!-- end of studies -->")


def register(name: str) -> None:
    """Name a study in DVC's list, where it is missing there."""
    path = spec.FOLDER / "dvc.yaml"
    text = path.read_text(encoding="utf-8")
    listed = yaml.safe_load(text)["stages"]["study"]["foreach"]
    if name not in listed:
        longer = yaml.safe_dump([*listed, name], default_flow_style=True, width=10_000).strip()
        files.write_text(path, re.sub(r"(?m)^( *foreach: ).*$", rf"\g<1>{longer}", text))
        print(f"study: {name} is new: added to {path}")


def set_seeds(name: str, seeds: int) -> None:
    """Write another number of seeds into a study's file. Raises UserError where the study then cannot be."""
    path = spec.FOLDER / f"{name}.yaml"
    before = path.read_text(encoding="utf-8")
    files.write_text(path, re.sub(r"(?m)^seeds:.*$", f"seeds: {seeds}", before))
    try:
        spec.load(name)
    except UserError:
        files.write_text(path, before)
        raise


def is_stale(name: str) -> bool:
    """Tell whether the results of a study are of other code, libraries or data than there are now, or not there."""
    try:
        found = tables.read(results.folder(name)).verdicts
    except FileNotFoundError:
        return True
    now = {"code": code.fingerprint(), "versions": library.versions(), "data": library.data_hash()}
    return any(found[part] != value for part, value in now.items())


def repro(*targets: str) -> None:
    """Have DVC bring its stages up to date. Raises UserError where it cannot, or where Ctrl-C ends it."""
    # A terminal sends Ctrl-C to DVC and to the trials as well: this waits until they have come to their end.
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    failed = subprocess.run(["dvc", "--wait-for-lock", "repro", *targets]).returncode
    signal.signal(signal.SIGINT, handler)
    if failed:
        raise UserError("study: not finished; what is done is kept, and the same command goes on")


def kept_trials(name: str, found: tables.Results) -> Iterator[TrackedTrial]:
    """Yield the trials of a study that this machine has."""
    study, arms = spec.load(name)
    for arm in arms:
        for seed, settings in enumerate(arm.trials(study)):
            key = library.key(settings, found.verdicts["data"], found.verdicts["code"])
            if outcome := library.read(key):
                yield TrackedTrial(
                    key=key,
                    study=name,
                    variant=arm.name,
                    seed=seed,
                    settings=params.flat(settings, library.SECTIONS),
                    history=outcome.history,
                    scores=outcome.scores,
                    seconds=outcome.seconds,
                    failed=outcome.failed or None,
                )


def show(name: str) -> None:
    """Draw the page of a study, log it with its trials, and print its verdicts."""
    found = tables.read(results.folder(name))
    trials = list(kept_trials(name, found))
    seconds = pd.DataFrame(
        [{"variant": trial.variant, "seed": trial.seed, "seconds": trial.seconds} for trial in trials]
    )
    path = PAGES / f"{name}.html"
    files.write_text(path, page.render_study(found, None if seconds.empty else seconds))
    tracked.publish_study(name, trials, results.folder(name), path)
    print((results.folder(name) / "summary.md").read_text(encoding="utf-8"))
    print(f"The page: {path}")


def finished() -> list[tables.Results]:
    """Return the results of all studies that have some."""
    return [tables.read(results.folder(name)) for name in spec.names() if results.folder(name).exists()]


def write_readme(path: Path) -> None:
    """Write the table of all results between its two marks in the README."""
    text = path.read_text(encoding="utf-8")
    before, after = text[: text.index(MARKS[0]) + len(MARKS[0])], text[text.index(MARKS[1]) :]
    files.write_text(path, f"{before}\n{readme_table(finished())}{after}")


def main() -> None:
    """Run the studies that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.study", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a file in studies/, without .yaml (default: all)")
    parser.add_argument("--seeds", type=int, help="write this number of seeds into the study's file first")
    parser.add_argument("--force", action="store_true", help="run them even where DVC finds nothing changed")
    parser.add_argument("--readme", action="store_true", help="only write the README's table of all results")
    arguments = parser.parse_args()
    if arguments.readme:
        return write_readme(Path("README.md"))
    try:
        names = arguments.names or spec.names()
        if arguments.seeds is not None:
            if len(arguments.names) != 1:
                raise UserError("study: --seeds is for one study; name it")
            set_seeds(names[0], arguments.seeds)
        for name in names:
            spec.load(name)  # a mistake in one of them is told before anything runs
        repro("fetch")
        for name in names:
            register(name)
            force = ["--force"] if arguments.force or is_stale(name) else []
            repro("--single-item", *force, f"{spec.FOLDER}/dvc.yaml:study@{name}")
            show(name)
    except UserError as error:
        raise SystemExit(str(error)) from None
    files.write_text(PAGES / "index.html", page.render_overview(finished()))
    print(f"All studies: {PAGES / 'index.html'}")


if __name__ == "__main__":
    main()
