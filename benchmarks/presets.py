"""The parts on the presets: how fast their networks learn beside their peers, and what each reaches at what price."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.against import measured_by_peers
from benchmarks.clones import PEERS, PROJECT
from benchmarks.pairs import ratio, run, spread
from pipeline.config import params
from pipeline.config.sections import Params

PRESETS = ("fast", "tiny", "deeper", "best")
SEEDS = 3
ROUNDS = 3


def preset(name: str, **train: Any) -> Params:
    """Return the settings of a preset, upon those of the article."""
    lines = (PROJECT / "presets" / name).read_text().splitlines()
    return changed(*(line.removeprefix("-S ") for line in lines), **train)


def changed(*changes: str, **train: Any) -> Params:
    """Return the article's settings with changes as `dvc exp run -S` takes them."""
    tree = yaml.safe_load((PROJECT / "studies/base.yaml").read_text())
    for change in changes:
        key, value = change.split("=")
        section, name = key.split(".")
        tree[section][name] = yaml.safe_load(value)
    tree["train"] |= train
    return params.parse(yaml.safe_dump(tree), ", ".join(changes))


def large(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Train larger networks here, with plain Keras fit and with PyTorch: an epoch that is already compiled."""
    networks = {
        "the article's": changed(),
        "the article's, batch normalisation": changed("model.batch_normalization=true"),
        **{f"preset `{name}`": preset(name) for name in PRESETS},
    }
    figures: dict[str, Any] = {}
    for title, settings in networks.items():
        print(f" {title}", flush=True)
        measured = measured_by_peers(
            ["ours", "keras", "pytorch"], "preset", scratch, mnist, warm_up=False, pairs=ROUNDS,
            argument=settings.model_dump_json(),
        )  # fmt: skip
        rates = {name: [row["images_a_second"] for row in rows] for name, rows in measured.items()}
        figures[title] = {name: {"images_a_second": spread(values)} for name, values in rates.items()}
        for name in ("keras", "pytorch"):
            figures[title][name]["ratio"] = ratio(rates["ours"], rates[name])
    return {"networks": figures}


def frontier(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Train every preset to its end with several seeds: accuracy, seconds, parameters."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in PRESETS}
    for seed in range(SEEDS):
        for name in PRESETS:
            settings = preset(name, seed=seed).model_dump_json()
            cost = run([sys.executable, str(PEERS / "preset_whole.py"), str(mnist), settings], scratch)
            rows[name].append(json.loads(cost.lines[-1][1]))
            print(f"  {name}, seed {seed}: {rows[name][-1]}", flush=True)
    return {
        "seeds": SEEDS,
        "presets": {
            name: {
                "parameters": found[0]["parameters"],
                "seconds": spread([row["seconds"] for row in found]),
                **{
                    key: {"mean": sum(row[key] for row in found) / SEEDS} | spread([row[key] for row in found])
                    for key in ("test_accuracy", "validation_accuracy")
                },
            }
            for name, found in rows.items()
        },
    }
