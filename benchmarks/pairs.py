"""Commands timed in alternating pairs, A B A B ...: what drifts on the machine drifts for both."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PAIRS = 5  # counted, after a warm-up


@dataclass(frozen=True)
class Cost:
    """What a command cost, with all that it started."""

    seconds: float
    cpu_seconds: float
    memory_mb: float  # the peak of its largest process; Linux counts from what the starting process held
    output: str


def run(command: list[str], folder: Path, **environment: str) -> Cost:
    """Run a command and return its cost.

    Raises RuntimeError with what it printed when it fails.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=kept | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        output = process.stdout.read()
    _, process.returncode, usage = os.wait4(process.pid, 0)  # subprocess itself would not tell the usage
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def alternate(sides: Mapping[str, Callable[[], Cost]], pairs: int = PAIRS) -> dict[str, list[Cost]]:
    """Return the costs of each side, run in turn; the first round warms up and is not counted."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for number in range(pairs + 1):
        for name, side in sides.items():
            cost = side()
            print(f"  {'warm-up' if not number else f'{number}/{pairs}'} {name}: {cost.seconds:.1f} s", flush=True)
            if number:
                costs[name].append(cost)
    return costs


def spread(values: list[float]) -> dict[str, float]:
    """Return median, lowest and highest."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def ratio(above: list[float], below: list[float]) -> dict[str, float]:
    """Return the spread of the ratios, pair by pair."""
    return spread([a / b for a, b in zip(above, below, strict=True)])
