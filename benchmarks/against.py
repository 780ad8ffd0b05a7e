"""The same work by this pipeline and by what one would otherwise use, in turn."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from benchmarks.clones import PEERS, PROJECT
from benchmarks.pairs import PAIRS, Cost, alternate, run


def measured_by_peers(
    names: list[str],
    script: str,
    scratch: Path,
    mnist: Path,
    warm_up: bool = True,
    pairs: int = PAIRS,
    argument: str | None = None,
) -> dict[str, list[dict[str, float]]]:
    """Return what a script prints in each round with each peer, an environment of their own around the foreign ones.

    Its arguments are the folder with MNIST and, where none is given, a number that counts the rounds.
    """
    python = scratch / "peers/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", scratch / "peers"], check=True)
        requirements = PROJECT / "benchmarks/requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    seeds: dict[str, Iterator[int]] = {name: count() for name in names}

    def side(name: str) -> Callable[[], Cost]:
        interpreter = sys.executable if name in ("ours", "keras") else str(python)
        command = [interpreter, str(PEERS / f"{script}_{name}.py"), str(mnist)]
        return lambda: run([*command, argument or str(next(seeds[name]))], scratch, **quiet)

    costs = alternate({name: side(name) for name in names}, pairs, warm_up)
    return {name: [json.loads(cost.lines[-1][1]) for cost in rounds] for name, rounds in costs.items()}
