"""Trials that do nothing, run and kept as a study's are, in a clone: `python study_empty.py <number of trials>`.

What comes back of one is as large as of a real one. Prints the seconds, and the peak memory of this process in MB.
"""

import json
import resource
import sys
import time
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path.cwd()))

from pipeline.commands.trials import outcomes_of, read_data
from pipeline.config import params
from pipeline.studies import engine, spec
from pipeline.studies.outcome import Data, Outcome


def empty(settings: str, data: Data) -> Outcome:
    """Return the outcome of a trial without making it."""
    import numpy as np

    images = len(data.test.images)
    return Outcome(
        predicted=np.zeros(images, np.uint8),
        confidence=np.zeros(images, np.float32),
        probability_of_label=np.zeros(images, np.float32),
        shifted=np.zeros(1000, np.float32),
    )


if __name__ == "__main__":  # a worker loads this file too
    number = int(sys.argv[1])
    data = read_data()
    base = params.load(spec.BASE)
    wanted = {f"empty {number} {seed}": spec.changed(base, {"train.seed": seed}) for seed in range(number)}
    started = time.perf_counter()
    with mock.patch.object(engine, "_work", empty):
        outcomes_of(wanted, data)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory_mb": memory}))
