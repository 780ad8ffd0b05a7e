"""What is measured, a function a part: from a scratch folder and a folder with MNIST to the part of results.json."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks.against import measured_by_peers
from benchmarks.clones import PROJECT, change, clone, cloned
from benchmarks.drawing import drawing
from benchmarks.pairs import Cost, alternate, compared, ratio, run, spread
from benchmarks.presets import frontier, large
from benchmarks.serving import serving
from benchmarks.studies import studies

STAGES = list(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])
EXPERIMENTS = 8


def cold(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Run every stage, tracked, anew and for the first time, against the article's notebook as one plain script."""
    folder = clone(scratch / "cold", mnist)
    seeds = count(1)

    def first() -> Cost:
        fresh = cloned(scratch / "first", mnist)
        cost = run(["dvc", "repro"], fresh)
        shutil.rmtree(fresh)
        return cost

    def pipeline() -> Cost:
        change(folder, error_analysis={"seed": next(seeds)})  # other content, so that publish has a run to write
        return run(["dvc", "repro", "--force"], folder)

    script = [sys.executable, str(PROJECT / "benchmarks/notebook.py"), str(mnist), str(scratch / "figures")]
    costs = alternate({"pipeline": pipeline, "first": first, "script": lambda: run(script, scratch)})
    seconds = {name: [cost.seconds for cost in side] for name, side in costs.items()}
    seconds["article"] = [cost.seconds - _seconds_a_stage(cost)["robustness"] for cost in costs["pipeline"]]
    return compared(costs, "pipeline", "script") | {
        "stages": len(STAGES),
        "first_ratio": ratio(seconds["first"], seconds["script"]),
        "without_robustness": {
            "seconds": spread(seconds["article"]), "ratio": ratio(seconds["article"], seconds["script"])
        },
    }  # fmt: skip


def idle(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Time a repro with nothing to do, one with a downstream change, and where the seconds of a whole one go."""
    folder = clone(scratch / "idle", mnist)
    seeds = count(1)

    def changed(*options: str) -> Cost:
        change(folder, error_analysis={"seed": next(seeds)})
        return run(["dvc", "repro", *options], folder)

    costs = alternate({"nothing": lambda: run(["dvc", "repro"], folder), "downstream": changed})
    costs |= alternate(
        {
            "everything": lambda: changed("--force"),
            **{stage: lambda stage=stage: _imports(stage, folder) for stage in STAGES},  # type: ignore[misc]
        }
    )
    whole = [_seconds_a_stage(cost) for cost in costs["everything"]]
    stages = {
        stage: {
            "whole": spread([seconds[stage] for seconds in whole]),
            "imports": spread([cost.seconds for cost in costs[stage]]),
            "work": spread([row.data.metrics["seconds"] for row in _stage_runs(folder, stage)[: len(whole)]]),
        }
        for stage in STAGES
    }
    figures = {name: spread([cost.seconds for cost in costs[name]]) for name in ("nothing", "downstream", "everything")}
    return figures | {"start": spread([seconds["start"] for seconds in whole]), "stages": stages}


def noop(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Run `dvc repro` with nothing to do, against `dvc status` of a project without a stage."""
    folder, empty = clone(scratch / "noop", mnist), scratch / "empty"
    empty.mkdir()
    for tool in ("git", "dvc"):
        run([tool, "init", "--quiet"], empty)
    costs = alternate({"repro": lambda: run(["dvc", "repro"], folder), "status": lambda: run(["dvc", "status"], empty)})
    return compared(costs, "repro", "status")


def throughput(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Train the article's network here, with plain Keras fit, with PyTorch and with JAX."""
    measured = measured_by_peers(["ours", "keras", "pytorch", "jax"], "article", scratch, mnist)
    figures: dict[str, Any] = {
        name: {key: spread([row[key] for row in rows]) for key in rows[0]} for name, rows in measured.items()
    }
    for name in measured.keys() - {"ours"}:
        for key in ("images_a_second", "images_a_second_validated"):
            figures[name][f"ratio_{key}"] = ratio(
                [row[key] for row in measured["ours"]], [row[key] for row in measured[name]]
            )
    return figures


def accuracy(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Train until 99.0 % of the test set are right: here, and the networks of Keras's and of PyTorch's example."""
    measured = measured_by_peers(["ours", "keras", "pytorch"], "race", scratch, mnist, warm_up=False)
    figures: dict[str, Any] = {
        name: {"mean": sum(row["seconds"] for row in rows) / len(rows)}
        | {key: spread([row[key] for row in rows]) for key in rows[0]}
        for name, rows in measured.items()
    }
    for name in measured.keys() - {"ours"}:
        figures[name]["ratio"] = ratio(
            [row["seconds"] for row in measured[name]], [row["seconds"] for row in measured["ours"]]
        )
    return figures


def growth(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Time and peak memory of the stages that handle images as the training set grows by shifted copies."""
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
            (latest, *_) = _stage_runs(folder, stage)
            figures[str(times)][stage] = {
                "seconds": latest.data.metrics["seconds"],
                "memory_mb": latest.data.metrics["peak_memory_mb"],
            }
            print(f"  {times}x {stage}: {cost.seconds:.1f} s, {cost.memory_mb:.0f} MB", flush=True)
        shutil.rmtree(own)
        shutil.rmtree(folder)
    return figures


def experiments(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Run eight small experiments that share prepare, one after another and two at a time."""
    folder = clone(scratch / "experiments", mnist)
    seeds = count(1)

    def queued(jobs: int) -> Cost:
        for _ in range(EXPERIMENTS):
            run(["dvc", "exp", "run", "--queue", "-S", f"train.seed={next(seeds)}", "-S", "train.epochs=2"], folder)
        return run(["dvc", "exp", "run", "--run-all", "--jobs", str(jobs)], folder)  # as make queue does

    costs = alternate({"one": lambda: queued(1), "two": lambda: queued(2)})
    published = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    rows = published.search_runs([published.get_experiment_by_name("convscope").experiment_id])
    return compared(costs, "one", "two") | {
        "prepare_executed": len(_stage_runs(folder, "prepare")),
        "complete_runs": len(rows) - 1,  # without the clone's first
    }


def _imports(stage: str, folder: Path) -> Cost:
    """Start Python and import what a stage does, as the stage does."""
    return run([sys.executable, "-c", f"import gc; gc.disable(); import os, pipeline.{stage}; os._exit(0)"], folder)


def _seconds_a_stage(repro: Cost) -> dict[str, float]:
    """Return how long `dvc repro` was at each stage, and before the first as `start`."""
    begins = [
        (match[1], seconds) for seconds, line in repro.lines if (match := re.match(r"Running stage '(\w+)'", line))
    ]
    return {
        name: end - begin for (name, begin), (_, end) in pairwise([("start", 0.0), *begins, ("end", repro.seconds)])
    }


def _stage_runs(folder: Path, stage: str) -> list[Run]:
    """Return the tracked runs of a stage, the latest first."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("convscope-stages").experiment_id
    return list(client.search_runs([experiment], f"tags.stage = '{stage}'"))


PARTS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "cold": cold, "idle": idle, "noop": noop, "throughput": throughput, "accuracy": accuracy, "growth": growth,
    "experiments": experiments, "studies": studies, "serving": serving,
    "drawing": drawing, "large": large, "frontier": frontier,
}  # fmt: skip
