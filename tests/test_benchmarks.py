"""The benchmarks' bookkeeping, and that what is written down is what was measured."""

import json
import re
import shutil
import subprocess
import sys
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from support.clones import PROJECT

from benchmarks import report, studies
from benchmarks.pairs import Cost, alternate, ratio, run, spread
from benchmarks.parts import PARTS
from pipeline.config import params
from pipeline.studies import spec

README = (PROJECT / "README.md").read_text()
RESULTS = json.loads((PROJECT / "benchmarks/results.json").read_text())


def test_the_tables_are_written_from_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written = report.README.read_text()
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    report.README.write_text(written)
    report.write(RESULTS)
    assert report.README.read_text() == written
    assert written.count("On 2 cores of") == len(RESULTS)
    assert set(RESULTS) <= set(report.TABLES) == set(PARTS)


def test_a_part_that_was_not_measured_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    report.README.write_text(f"before\n{report.START}old\n{report.END}after\n")
    report.write({})
    assert report.README.read_text() == f"before\n{report.START}\n\n{report.END}after\n"


@pytest.mark.parametrize(
    ("quote", "keys", "tolerance"),
    [
        (r"took (\d\.\d\d) times the time of the article's", "cold/ratio/median", 0.0051),
        (r"nothing to do `dvc repro` takes (\d\.\d\d) times", "noop/ratio/median", 0.0051),
        (
            r"itself trains (\d\.\d\d) times as fast as plain Keras",
            "throughput/keras/ratio_images_a_second/median",
            0.0051,
        ),
        (r"(\d\.\d\d) times as fast as PyTorch", "throughput/pytorch/ratio_images_a_second/median", 0.0051),
        (
            r"`deeper`\s+trains (\d\.\d\d) times as fast as plain Keras",
            "large/networks/preset `deeper`/keras/ratio/median",
            0.0051,
        ),
        (
            r"as plain Keras and (\d\.\d\d) times as PyTorch",
            "large/networks/preset `deeper`/pytorch/ratio/median",
            0.0051,
        ),
        (r"`best` (\d\.\d\d) and \d\.\d\d times: its batch", "large/networks/preset `best`/keras/ratio/median", 0.0051),
        (
            r"`best` \d\.\d\d and (\d\.\d\d) times: its batch",
            "large/networks/preset `best`/pytorch/ratio/median",
            0.0051,
        ),
        (r"right after (\d+\.\d) seconds of", "accuracy/ours/mean", 0.051),
        (r"examples take (\d+\.\d) and", "accuracy/keras/mean", 0.051),
        (r"examples take \d+\.\d and (\d+\.\d)\.", "accuracy/pytorch/mean", 0.051),
        (r"(\d\.\d\d) times as fast as one after another", "experiments/ratio/median", 0.0051),
    ],
)
def test_the_readme_quotes_the_results(quote: str, keys: str, tolerance: float):
    (quoted,) = re.findall(quote, README.replace("\n", " "))
    assert float(quoted) == pytest.approx(reduce(getitem, keys.split("/"), RESULTS), abs=tolerance)


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


def test_the_trials_of_the_part_on_studies_are_those_of_a_study_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(PROJECT / "studies", tmp_path / "studies")
    studies.declare(tmp_path)
    monkeypatch.chdir(tmp_path)
    study, arms = spec.load(studies.NAME)
    made = [trial for arm in arms for trial in arm.trials(study)]
    base = params.load(spec.BASE)
    assert made == [spec.changed(base, trial) for trial in studies.TRIALS]


def test_trials_that_are_missing_stop_the_part_on_studies():
    with pytest.raises(RuntimeError, match="11 of 12 trials"):
        studies.all_trials([0.9] * 11)


def test_the_table_of_studies_says_what_was_measured():
    spread = {"median": 0.25, "lowest": 0.2, "highest": 0.3}
    costs = {"seconds": spread, "cpu_seconds": spread, "memory_mb": spread, "trials_a_minute": spread}
    table = report.studies(
        {
            "machine": {"cores": 2, "cpu": "CPU", "memory_gib": 8},
            "study": costs | {"outside_trials": spread, "outside_training": spread},
            "queue": costs | {"ratio": spread, "cpu_ratio": spread, "queueing": spread},
            "loop": costs | {"ratio": spread, "cpu_ratio": spread},
            "trials": 12,
            "pairs": 2,
            "same_accuracies": False,
            "empty": {"trials": [100, 1000], "milliseconds": 9.87, "memory_mb": [300, 1234]},
        }
    )
    assert "do not give the same accuracies" in table
    assert "25 (20 to 30) % pass outside trials" in table
    assert "costs 9.9 ms" in table
    assert "1,234 MB with 1,000" in table


def test_the_table_of_the_served_model_says_what_was_measured():
    spread = {"median": 0.25, "lowest": 0.2, "highest": 0.3}
    figures = {"milliseconds": spread, "images_a_second": spread}
    ratios = {"ratio_milliseconds": spread, "ratio_images_a_second": spread}
    machine = {"cores": 2, "cpu": "CPU", "memory_gib": 8}
    table = report.serving({"machine": machine, "ours": figures, "keras": figures | ratios, "single": 100, "many": 500})
    assert "| bare Keras | 0.2 (0.2 to 0.3) | 0.25 (0.20 to 0.30) | 0 (0 to 0) | 0.25 (0.20 to 0.30) |" in table
    assert "| the published model | 0.2 (0.2 to 0.3) |  | 0 (0 to 0) |  |" in table


def test_the_lines_on_drawing_say_what_was_measured():
    slow = {"median": 30.5, "lowest": 20.0, "highest": 40.0}
    told = report.drawing(
        {
            "machine": {"cores": 2, "cpu": "CPU", "memory_gib": 8},
            **{"median": slow, "percentile_95": slow, "points": 7, "bytes": 500_000, "browser": "Chromium 1"},
        }
    )
    assert "30.5 (20.0 to 40.0) milliseconds" in told
    assert "500 kB, in Chromium 1" in told


def test_an_unknown_part_is_refused_with_those_there_are():
    command = [sys.executable, "-m", "benchmarks", "warm"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"unknown part warm; allowed are {', '.join(report.TABLES)}" in result.stderr
    assert report.TABLES.keys() == PARTS.keys()
