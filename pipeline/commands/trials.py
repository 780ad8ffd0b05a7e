"""Run the trials of a study that were not made yet, and write its results: what DVC calls for studies/dvc.yaml."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.config.sections import Params
from pipeline.data import files, idx, prepared
from pipeline.data.classes import check_classes
from pipeline.network.geometry import shape_check
from pipeline.studies import code, library, spec
from pipeline.studies.outcome import Data, Outcome


def read_data() -> Data:
    """Return the images of data/raw."""
    arrays = [idx.decode((paths.RAW / name).read_bytes(), name, 3 if "images" in name else 1) for name in idx.FILES]
    classes = tuple(files.read_lines(paths.RAW / paths.CLASS_NAMES))
    return Data(pool=prepared.Split(*arrays[:2]), test=prepared.Split(*arrays[2:]), classes=classes)


def check(name: str, arms: Sequence[spec.Arm], data: Data) -> None:
    """Raise UserError, with a line for each mistake, when the images do not fit the settings of an arm."""
    problems = []
    for arm in arms:
        problems += [(arm.name, shape_check(arm.settings.model, *data.pool.images.shape[1:]))]
        try:
            splits = prepared.split(data.pool, data.test, arm.settings.prepare)
            check_classes(splits["train"].labels, list(data.classes), arm.settings.prepare)
        except UserError as error:
            problems += [(arm.name, str(error).removeprefix("params.yaml: "))]
    lines = [f"{spec.FOLDER}/{name}.yaml: {arm}: {problem}" for arm, problem in problems if problem]
    if lines:
        raise UserError("\n".join(lines))


def outcomes_of(wanted: Mapping[str, Params], data: Data) -> dict[str, Outcome]:
    """Return the outcomes of trials by their keys; those that were not made yet are run, and kept as they come."""
    found = {key: outcome for key in wanted if (outcome := library.read(key))}
    missing = {key: settings for key, settings in wanted.items() if key not in found}
    if not missing:
        return found
    from pipeline.studies import engine  # loads Dask

    failures: list[str] = []

    def show(running: int) -> None:
        bar.set_postfix(running=running, failed=len(failures), refresh=sys.stderr.isatty())  # a log has a line a trial

    with (
        tqdm(total=len(missing), unit="trial", desc=f"{len(found)} trials are there, {len(missing)} to run") as bar,
        engine.cluster(os.environ.get("DASK_SCHEDULER_ADDRESS"), len(os.sched_getaffinity(0))) as client,
    ):
        for key, outcome in engine.run(client, missing, data, show):
            if not outcome.again:
                library.write(key, outcome)
            found[key] = outcome
            failures += [key] if outcome.failed else []
            bar.update()
    return found


def main() -> None:
    """Run one study, and print its verdicts."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.trials", description=__doc__)
    parser.add_argument("name", help="of a file in studies/, without .yaml")
    name = parser.parse_args().name
    try:
        study, arms = spec.load(name)
        data, origin = read_data(), library.data_hash()
        check(name, arms, data)
        fingerprint = code.fingerprint()
        settings = {arm.name: arm.trials(study) for arm in arms}
        keys = {arm: [library.key(trial, origin, fingerprint) for trial in of_arm] for arm, of_arm in settings.items()}
        wanted = {key: trial for arm in keys for key, trial in zip(keys[arm], settings[arm], strict=True)}
        found = outcomes_of(wanted, data)
        from pipeline.studies import results  # loads Matplotlib, which the workers, who import this module, do not need

        outcomes = {arm: [found[key] for key in of_arm] for arm, of_arm in keys.items()}
        results.write(name, study, arms, outcomes, data.test.labels, {"data": origin, "code": fingerprint})
    except UserError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None  # `make study` says what that means


if __name__ == "__main__":
    main()
