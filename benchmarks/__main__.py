"""Run the benchmarks: `python -m benchmarks [part ...]`; without a part, all of them."""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import report
from benchmarks.clones import PROJECT
from benchmarks.parts import PARTS
from pipeline.sources import datasets, mirrors

RESULTS = PROJECT / "benchmarks/results.json"


def machine() -> dict[str, Any]:
    """Return what the figures were taken on."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    memory = psutil.virtual_memory().total / 2**30
    return {"cpu": cpu, "cores": psutil.cpu_count(), "memory_gib": round(memory), "system": platform.system()}


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
        for file, content in mirrors.download_first(mirrors.sources("mnist"), datasets.KNOWN["mnist"]).items():
            (mnist / file).write_bytes(content)
        for name in parts:
            print(f"{name}: {PARTS[name].__doc__}", flush=True)
            started = time.perf_counter()
            results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            results[name] = {"machine": machine()} | PARTS[name](Path(scratch), mnist)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            report.write(results)
            print(f"{name}: {(time.perf_counter() - started) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
