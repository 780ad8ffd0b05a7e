"""Commands timed in alternating pairs, A B A B ...: what drifts on the machine drifts for both."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAIRS = 5  # counted, after a warm-up


@dataclass(frozen=True)
class Cost:
    """What a command cost, with all that it started."""

    seconds: float
    cpu_seconds: float
    memory_mb: float  # the peak of its largest process; Linux counts from what the starting process held
    lines: list[tuple[float, str]]  # what it printed, with the seconds since its start


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
        lines = [(time.perf_counter() - started, line) for line in process.stdout]
    _, process.returncode, usage = os.wait4(process.pid, 0)  # subprocess itself would not tell the usage
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(line for _, line in lines)}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, lines)


def alternate(
    sides: Mapping[str, Callable[[], Cost]], pairs: int = PAIRS, warm_up: bool = True
) -> dict[str, list[Cost]]:
    """Return the costs of each side, run in turn; a first round that warms up is not counted."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for number in range(0 if warm_up else 1, pairs + 1):
        for name, side in sides.items():
            cost = side()
            print(f"  {'warm-up' if not number else f'{number}/{pairs}'} {name}: {cost.seconds:.1f} s", flush=True)
            if number:
                costs[name].append(cost)
    return costs


def spread(values: list[float]) -> dict[str, float]:
    """Return median, lowest and highest."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def spreads(costs: dict[str, list[Cost]]) -> dict[str, Any]:
    """Return each side's cost."""
    return {
        name: {
            "seconds": spread([cost.seconds for cost in side]),
            "cpu_seconds": spread([cost.cpu_seconds for cost in side]),
            "memory_mb": spread([cost.memory_mb for cost in side]),
        }
        for name, side in costs.items()
    }


def ratios(above: list[Cost], below: list[Cost]) -> dict[str, Any]:
    """Return the ratios of time and of CPU time, pair by pair."""
    return {
        name: ratio(*([getattr(cost, measure) for cost in side] for side in (above, below)))
        for name, measure in (("ratio", "seconds"), ("cpu_ratio", "cpu_seconds"))
    }


def compared(costs: dict[str, list[Cost]], above: str, below: str) -> dict[str, Any]:
    """Return each side's cost, and the ratios of one to another."""
    return spreads(costs) | ratios(costs[above], costs[below])


def ratio(above: list[float], below: list[float]) -> dict[str, float]:
    """Return the spread of the ratios, pair by pair."""
    return spread([a / b for a, b in zip(above, below, strict=True)])
