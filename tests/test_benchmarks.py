"""The benchmarks' bookkeeping, and that what is written down is what was measured."""

import json
import re
import subprocess
import sys
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from support.clones import PROJECT

from benchmarks import report
from benchmarks.pairs import Cost, alternate, ratio, run, spread
from benchmarks.parts import PARTS

RESULTS = json.loads((PROJECT / "benchmarks/results.json").read_text())


def test_the_tables_are_written_from_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written = report.README.read_text()
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    report.README.write_text(written)
    report.write(RESULTS)
    assert report.README.read_text() == written
    assert written.count("On 2 cores of") == len(report.TABLES) == len(PARTS)


@pytest.mark.parametrize(
    ("quote", "keys", "tolerance"),
    [
        (r"rebuilt on two CPU cores in (\d+) seconds", "cold pipeline seconds median", 0.5),
        (r"take (\d\.\d\d) times the time of the article's", "cold ratio median", 0.0051),
        (r"nothing to do `dvc repro` takes (\d\.\d) seconds", "idle nothing median", 0.051),
        (r"trains (\d\.\d\d) times as fast as plain Keras", "throughput keras ratio_images_a_second median", 0.0051),
        (r"(\d\.\d\d) times as fast as PyTorch", "throughput pytorch ratio_images_a_second median", 0.0051),
        (r"right after (\d+\.\d) seconds of", "accuracy ours mean", 0.051),
        (r"examples take (\d+\.\d) and", "accuracy keras mean", 0.051),
        (r"examples take \d+\.\d and (\d+\.\d)\.", "accuracy pytorch mean", 0.051),
        (r"(\d\.\d\d) times as fast as one after another", "experiments ratio median", 0.0051),
    ],
)
def test_the_readme_quotes_the_results(quote: str, keys: str, tolerance: float):
    (quoted,) = re.findall(quote, (PROJECT / "README.md").read_text().replace("\n", " "))
    assert float(quoted) == pytest.approx(reduce(getitem, keys.split(), RESULTS), abs=tolerance)


def test_sides_alternate_and_the_first_round_is_not_counted():
    order: list[str] = []

    def side(name: str) -> Cost:
        order.append(name)
        return Cost(len(order), 0, 0, [])

    costs = alternate({"a": lambda: side("a"), "b": lambda: side("b")}, pairs=2)
    assert "".join(order) == "ababab"
    assert {name: [cost.seconds for cost in side] for name, side in costs.items()} == {"a": [3, 5], "b": [4, 6]}


def test_a_ratio_is_taken_pair_by_pair():
    assert ratio([2, 6, 9], [1, 2, 9]) == {"median": 2, "lowest": 1, "highest": 3}
    assert spread([3, 1, 2]) == {"median": 2, "lowest": 1, "highest": 3}


def test_a_command_costs_its_time_its_cpu_time_and_the_memory_of_its_children(tmp_path: Path):
    inner = "import time; block = bytearray(300 * 2**20); time.sleep(0.3); print('done')"
    cost = run(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"], tmp_path
    )
    assert [line for _, line in cost.lines] == ["done\n"]
    assert 0.3 < cost.seconds < 30
    assert cost.cpu_seconds < cost.seconds + 0.1
    assert cost.memory_mb > 300


def test_a_command_that_fails_is_told_with_what_it_printed(tmp_path: Path):
    with pytest.raises(RuntimeError, match="out of luck"):
        run([sys.executable, "-c", "exit('out of luck')"], tmp_path)


def test_an_unknown_part_is_refused_with_those_there_are():
    command = [sys.executable, "-m", "benchmarks", "warm"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "unknown part warm; allowed are cold, idle, throughput, accuracy, growth, experiments" in result.stderr
