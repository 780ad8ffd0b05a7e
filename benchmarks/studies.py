"""The part on studies: the same trials as a study, as a queue of DVC's experiments, and as a bare loop over Keras."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from mlflow import MlflowClient

from benchmarks.clones import PEERS, PROJECT, change, clone
from benchmarks.pairs import Cost, alternate, ratios, run, spread, spreads

NAME = "bench"
SEEDS = 6  # with fewer a study of one variant is refused: no difference could be told from chance
NO_DROPOUT = {"model.dropout": 0.0, "model.dense_dropout": 0.0}
TRIALS = [changes | {"train.seed": n, "prepare.seed": n} for changes in ({}, NO_DROPOUT) for n in range(SEEDS)]
PAIRS = 2  # a round takes minutes, and the cold start is a part of what is measured
EMPTY = (100, 1000)


def studies(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Run twelve trials of the article's network: by a study, by DVC's queue, by a bare loop over plain Keras."""
    base = yaml.safe_load((PROJECT / "studies/base.yaml").read_text())
    flat = {f"{section}.{name}": value for section, values in base.items() for name, value in values.items()}
    folders: dict[str, list[Path]] = {"study": [], "queue": []}
    accuracies: dict[str, list[list[float]]] = {"study": [], "queue": []}

    def fresh(side: str) -> Path:
        folder = clone(scratch / f"studies_{side}_{len(folders[side])}", mnist)
        change(folder, **{section: values for section, values in base.items() if section != "fetch"})
        folders[side].append(folder)
        return folder

    def study() -> Cost:
        folder = fresh("study")
        declare(folder)
        watched = {"DASK_DISTRIBUTED__SCHEDULER__PRELOAD": str(PROJECT / "benchmarks/task_seconds.py")}
        cost = run([sys.executable, "-m", "pipeline.commands.study", NAME], folder, **watched)
        accuracies["study"].append(all_trials(_accuracies_of_study(folder)))
        return cost

    def queue() -> Cost:
        folder = fresh("queue")
        cost = run([sys.executable, str(PEERS / "study_queue.py"), json.dumps(TRIALS)], folder)
        accuracies["queue"].append(all_trials(_accuracies_of_queue(folder)))
        return replace(cost, seconds=json.loads(cost.lines[-1][1])["seconds"])  # without the wait for idle workers

    def loop() -> Cost:
        settings = json.dumps([flat | trial for trial in TRIALS])
        return run([sys.executable, str(PEERS / "study_keras.py"), str(mnist), settings], scratch)

    costs = alternate({"study": study, "queue": queue, "loop": loop}, PAIRS, warm_up=False)
    figures: dict[str, Any] = spreads(costs)
    for name, side in costs.items():
        figures[name]["trials_a_minute"] = spread([60 * len(TRIALS) / cost.seconds for cost in side])
    for name in ("queue", "loop"):
        figures[name] |= ratios(costs[name], costs["study"])
    figures["queue"]["queueing"] = spread([json.loads(cost.lines[-1][1])["queueing"] for cost in costs["queue"]])
    for name, seconds in (("outside_training", _training_seconds), ("outside_trials", _task_seconds)):
        figures["study"][name] = _outside(map(seconds, folders["study"]), costs["study"])
    return figures | {
        "trials": len(TRIALS),
        "pairs": PAIRS,
        "same_accuracies": accuracies["study"] == accuracies["queue"],
        "empty": empty_trials(folders["study"][0]),
    }


def empty_trials(folder: Path) -> dict[str, Any]:
    """Run trials that do nothing, in commands of their own; return what one more costs, and each command's memory."""
    told = {}
    for number in EMPTY:
        cost = run([sys.executable, str(PEERS / "study_empty.py"), str(number)], folder)
        told[number] = json.loads(cost.lines[-1][1])
    few, many = EMPTY
    return {
        "trials": list(EMPTY),
        "milliseconds": 1000 * (told[many]["seconds"] - told[few]["seconds"]) / (many - few),
        "memory_mb": [told[number]["memory_mb"] for number in EMPTY],
    }


def declare(folder: Path) -> None:
    """Write the study into a clone, and its stage."""
    asked = {
        "question": "What does a study cost?",
        "variants": [{"name": "no dropout", "changes": NO_DROPOUT}],
        "seeds": SEEDS,
        "measures": [{"name": "test_accuracy", "better": "higher", "worth": 0.002}],
    }
    (folder / f"studies/{NAME}.yaml").write_text(yaml.safe_dump(asked))
    path = folder / "studies/dvc.yaml"
    stages = yaml.safe_load(path.read_text())
    stages["stages"]["study"]["foreach"] = [NAME]
    path.write_text(yaml.safe_dump(stages))


def _outside(busy: Iterable[float], costs: list[Cost]) -> dict[str, float]:
    """Return the share of the cores' time, from start to end, in which none was busy so."""
    cores = len(os.sched_getaffinity(0))
    return spread([1 - seconds / (cores * cost.seconds) for seconds, cost in zip(busy, costs, strict=True)])


def _training_seconds(folder: Path) -> float:
    """Return for how long the trials that a clone keeps were trained, all together."""
    told = [np.load(path)["told"].tobytes() for path in (folder / ".convscope/trials").iterdir()]
    return sum(json.loads(one)["seconds"] for one in told)


def _task_seconds(folder: Path) -> float:
    """Return for how long a clone's workers were at trials, all together."""
    return sum(map(float, (folder / "task_seconds.txt").read_text().split()))


def _accuracies_of_study(folder: Path) -> list[float]:
    return list(pd.read_csv(folder / f"studies/results/{NAME}/trials.csv")["test_accuracy"].dropna())


def _accuracies_of_queue(folder: Path) -> list[float]:
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("convscope").experiment_id])
    return [run.data.metrics["test_accuracy"] for run in runs if run.data.params["prepare.seed"].isdigit()]


def all_trials(accuracies: list[float]) -> list[float]:
    """Return the test accuracies in their order. Raises RuntimeError where trials are missing: failing is quick."""
    if len(accuracies) != len(TRIALS):
        raise RuntimeError(f"{len(accuracies)} of {len(TRIALS)} trials came to an end")
    return sorted(round(accuracy, 6) for accuracy in accuracies)
