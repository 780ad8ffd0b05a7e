"""Run the benchmarks: `python -m benchmarks [part ...]`; without a part, all of them."""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks import report
from benchmarks.pairs import Cost, alternate, ratio, run, spread
from pipeline import datasets, fetch

PROJECT = Path(__file__).parents[1]
PEERS = PROJECT / "benchmarks/peers"
RESULTS = PROJECT / "benchmarks/results.json"
STAGES = list(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])


def clone(folder: Path, mnist: Path) -> Path:
    """Clone the project as committed, with MNIST from a folder, and run it once."""
    subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
    change(folder, fetch={"source": str(mnist)})
    run(["dvc", "repro"], folder)
    return folder


def change(folder: Path, **sections: dict[str, Any]) -> None:
    """Change settings in a clone's params.yaml."""
    path = folder / "params.yaml"
    settings = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        settings[section] |= values
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def cold(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Run every stage, tracked, against the article's notebook as one plain script."""
    folder = clone(scratch / "cold", mnist)
    script = [sys.executable, str(PROJECT / "benchmarks/notebook.py"), str(mnist), str(scratch / "figures")]
    costs = alternate(
        {"pipeline": lambda: run(["dvc", "repro", "--force"], folder), "script": lambda: run(script, scratch)}
    )
    return compared(costs, "pipeline", "script")


def compared(costs: dict[str, list[Cost]], above: str, below: str) -> dict[str, Any]:
    """Return each side's cost, and the ratios of time, pair by pair."""
    figures: dict[str, Any] = {
        name: {
            "seconds": spread([cost.seconds for cost in side]),
            "cpu_seconds": spread([cost.cpu_seconds for cost in side]),
            "memory_mb": spread([cost.memory_mb for cost in side]),
        }
        for name, side in costs.items()
    }
    seconds = {name: [cost.seconds for cost in side] for name, side in costs.items()}
    cpu = {name: [cost.cpu_seconds for cost in side] for name, side in costs.items()}
    return figures | {
        "ratio": ratio(seconds[above], seconds[below]),
        "cpu_ratio": ratio(cpu[above], cpu[below]),
    }


def idle(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Time a repro with nothing to do, one with a downstream change, and where each stage's seconds go."""
    folder = clone(scratch / "idle", mnist)
    changes = iter(range(1, 100))

    def downstream() -> Cost:
        change(folder, error_analysis={"seed": next(changes)})
        return run(["dvc", "repro"], folder)

    costs = alternate({"nothing": lambda: run(["dvc", "repro"], folder), "downstream": downstream})
    stages = {}
    for name in STAGES:
        imports = f"import gc; gc.disable(); import os, pipeline.{name}; os._exit(0)"
        parts = alternate(
            {
                "imports": lambda imports=imports: run([sys.executable, "-c", imports], folder),  # type: ignore[misc]
                "whole": lambda name=name: run([sys.executable, "-m", f"pipeline.{name}"], folder),  # type: ignore[misc]
            },
            pairs=3,
        )
        stages[name] = {part: spread([cost.seconds for cost in side]) for part, side in parts.items()}
        stages[name]["work"] = {"median": work_seconds(folder, name)}
    return {name: spread([cost.seconds for cost in side]) for name, side in costs.items()} | {"stages": stages}


def work_seconds(folder: Path, stage: str) -> float:
    """Return the seconds of work, without start-up and tracking, of the stage's latest tracked run."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("convscope-stages").experiment_id
    (latest,) = client.search_runs([experiment], f"tags.stage = '{stage}'", max_results=1)
    return float(latest.data.metrics["seconds"])


def throughput(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Train the article's network here, with plain Keras fit, with PyTorch and with JAX."""
    python = scratch / "peers"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    requirements = PROJECT / "benchmarks/requirements.txt"
    subprocess.run([python / "bin/pip", "install", "--quiet", "--requirement", requirements], check=True)
    commands = {
        "ours": [sys.executable, PEERS / "ours.py"],
        "keras": [sys.executable, PEERS / "keras_fit.py"],
        "pytorch": [python / "bin/python", PEERS / "pytorch.py"],
        "jax": [python / "bin/python", PEERS / "jax_fit.py"],
    }
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    costs = alternate(
        {
            name: lambda command=command: run([*map(str, command), str(mnist)], scratch, **quiet)  # type: ignore[misc]
            for name, command in commands.items()
        }
    )
    measured = {name: [json.loads(cost.output.splitlines()[-1]) for cost in side] for name, side in costs.items()}
    figures: dict[str, Any] = {
        name: {key: spread([row[key] for row in rows]) for key in rows[0]} for name, rows in measured.items()
    }
    for name in list(commands)[1:]:
        for key in ("images_a_second", "images_a_second_validated"):
            figures[name][f"ratio_{key}"] = ratio(
                [row[key] for row in measured["ours"]], [row[key] for row in measured[name]]
            )
    return figures


def growth(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Time and peak memory of four stages as the training set grows by shifted copies."""
    figures: dict[str, Any] = {}
    for times in (1, 2, 5, 10):
        own = scratch / f"mnist_{times}"
        subprocess.run([sys.executable, "-m", "benchmarks.grow", mnist, own, str(times)], cwd=PROJECT, check=True)
        folder = scratch / f"growth_{times}"
        subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
        change(folder, fetch={"dataset": str(own)}, prepare={"train_size": "all"}, train={"epochs": 1})
        figures[str(times)] = {}
        for stage in ("fetch", "prepare", "train", "evaluate", "error_analysis"):
            cost = run([sys.executable, "-m", f"pipeline.{stage}"], folder)
            figures[str(times)][stage] = {"seconds": cost.seconds, "memory_mb": cost.memory_mb}
            print(f"  {times}x {stage}: {cost.seconds:.1f} s, {cost.memory_mb:.0f} MB", flush=True)
        shutil.rmtree(own)
        shutil.rmtree(folder)
    return figures


PARTS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "cold": cold, "idle": idle, "throughput": throughput, "growth": growth
}  # fmt: skip


def machine() -> dict[str, Any]:
    """Return what the figures were taken on."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    memory = psutil.virtual_memory().total / 2**30
    return {"cpu": cpu, "cores": psutil.cpu_count(), "memory_gib": round(memory), "system": platform.platform()}


def main() -> None:
    """Run the named parts, and write results.json and the tables of README.md after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)")
    parts = parser.parse_args().parts or list(PARTS)
    for name in parts:
        if name not in PARTS:
            parser.error(f"unknown part {name}; allowed are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="convscope-bench-") as scratch:
        mnist = Path(scratch, "mnist")
        mnist.mkdir()
        for file, content in fetch.download_first(fetch.sources("mnist"), datasets.KNOWN["mnist"]).items():
            (mnist / file).write_bytes(content)
        for name in parts:
            print(f"{name}: {PARTS[name].__doc__}", flush=True)
            results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            results[name] = {"machine": machine()} | PARTS[name](Path(scratch), mnist)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            report.write(results)


if __name__ == "__main__":
    main()
