"""The README's numbers against a run of the whole pipeline on real MNIST."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.clones import ARTICLE_YAML, PROJECT, SETTINGS, Clone

from pipeline.config import params
from pipeline.data import files

README = (PROJECT / "README.md").read_text()


ABLATIONS = pd.read_csv(PROJECT / "docs/ablations.csv")


@pytest.fixture(scope="module")
def baseline(make_clone: Callable[[], Clone], mnist: Path) -> Clone:
    """A clone in which the committed settings ran on real MNIST."""
    clone = make_clone()
    (clone.folder / "params.yaml").write_text(ARTICLE_YAML.read_text())
    clone.set(fetch__source=str(mnist))
    clone.repro()
    return clone


@pytest.fixture(scope="module")
def metrics(baseline: Clone) -> dict[str, float]:
    """All metrics of the committed settings."""
    return {
        name: value
        for path in (baseline.folder / "metrics").glob("*.json")
        for name, value in files.read_json(path).items()
    }


def outputs_of(folder: Path) -> dict[str, str]:
    """The hash of every output that dvc.lock names, in their order, up to the page, which tells where the data lie."""
    locked = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    order = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    return {
        out["path"]: out["md5"]
        for stage in order
        if stage not in ("report", "publish")
        for out in locked[stage]["outs"]
    }


@pytest.mark.slow
def test_this_machine_makes_the_committed_bytes_if_it_is_of_a_kind_where_they_were_made_before(
    baseline: Clone, record_property: Callable[[str, object], None]
) -> None:
    cpu = dict(
        re.findall(r"^(vendor_id|cpu family|model|model name|flags)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    )
    kinds = pd.read_csv(PROJECT / "tests/machines.csv", dtype=str)
    known = (
        (kinds["vendor"] == cpu["vendor_id"])
        & (kinds["family"] == cpu["cpu family"])
        & (kinds["model"] == cpu["model"])
    ).any()
    if params.load(PROJECT / "params.yaml") != SETTINGS:
        record_property("same bytes", "not compared: params.yaml is not the committed one")
        return
    committed, made = outputs_of(PROJECT), outputs_of(baseline.folder)
    assert committed.keys() == made.keys()
    different = [path for path in committed if committed[path] != made[path]]
    machine = f"{cpu['vendor_id']} family {cpu['cpu family']} model {cpu['model']}, {cpu['model name']}"
    said = f"{different[0]} is the first output that differs" if different else "every output as committed"
    if different and not known:
        said += "; NOT LISTED in tests/machines.csv: a finding for docs/same_bytes.md, if it has AVX2"
    record_property("same bytes", f"{machine}: {said}")
    assert not (known and different), said


# a CPU without AVX2 rounds otherwise, and the weights drift apart a little: the quoted digits may move by so much
QUOTES = [
    (r"get (\d+\.\d+) % of the test set right", "test_accuracy", 100, 0.3),
    (r"of the network's (\d+) mistakes", "wrong", 1, 30),
    (r"\((\d+\.\d+) % to \d+\.\d+ %\)", "test_accuracy_low", 100, 0.3),
    (r"\(\d+\.\d+ % to (\d+\.\d+) %\)", "test_accuracy_high", 100, 0.3),
    (r"edge AUROC (\d\.\d+) \(\d\.\d+ to", "random_edge_auroc", 1, 0.005),
    (r"edge AUROC \d\.\d+ \((\d\.\d+) to", "random_edge_auroc_lowest", 1, 0.005),
    (r"edge AUROC \d\.\d+ \(\d\.\d+ to (\d\.\d+);", "random_edge_auroc_highest", 1, 0.005),
    (r"finds edges \| edge AUROC (\d\.\d+) \|", "laplacian_edge_auroc", 1, 0.005),
    (r"reach from (\d\.\d+) to", "learnt_edge_auroc_lowest", 1, 0.05),
    (r"reach from \d\.\d+ to (\d\.\d+),", "learnt_edge_auroc_highest", 1, 0.05),
    (r", (\d\.\d+) on average \(", "learnt_edge_auroc", 1, 0.05),
    (r"\((\d\.\d+) before training\)", "initial_edge_auroc", 1, 0.005),
    (r"correlate by (\d\.\d+) on average", "learnt_mean_absolute_correlation", 1, 0.05),
    (r"of one sign by (\d\.\d+) \|", "random_mean_absolute_correlation", 1, 0.005),
    (r"\| (\d\.\d+) on average against", "confidence_wrong", 1, 0.03),
    (r"on average against (\d\.\d+) where", "confidence_right", 1, 0.01),
    (r"right; AUROC (\d\.\d+) \|", "misclassification_auroc", 1, 0.01),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("quote", "name", "scale", "tolerance"), QUOTES, ids=[name for _, name, _, _ in QUOTES])
def test_the_readme_quotes_what_the_pipeline_measures(
    metrics: dict[str, float], quote: str, name: str, scale: float, tolerance: float
) -> None:
    (quoted,) = re.findall(quote, README.replace("\n", " "))
    assert float(quoted) == pytest.approx(scale * metrics[name], abs=tolerance)


def test_the_table_of_ablations_gives_mean_and_spread_of_what_was_measured() -> None:
    rows = re.findall(r"^\| ([^|]+) \|.*\| (\d\d\.\d\d)(?: \((\d\d\.\d\d) to (\d\d\.\d\d)\))? \|", README, re.MULTILINE)
    measured = ABLATIONS.groupby("experiment", sort=False)["test_accuracy"]
    assert [row[0] for row in rows] == list(measured.groups)
    for name, *quoted in rows:
        values = 100 * measured.get_group(name)
        expected = [values.mean(), values.min(), values.max()] if len(values) > 1 else [values.iloc[0]]
        assert [float(number) for number in quoted if number] == pytest.approx(expected, abs=0.0051)


def test_every_experiment_of_the_table_has_valid_settings_that_differ_from_the_committed_ones() -> None:
    committed = SETTINGS
    for settings in ABLATIONS["settings"].unique():
        changes = [setting.split("=") for setting in settings.split()]
        tree = committed.model_dump(mode="json")
        for key, value in changes:
            section, name = key.split(".")
            tree[section][name] = yaml.safe_load(value)
        changed = params.flat(params.parse(yaml.safe_dump(tree), "params.yaml"))
        assert all(changed[key] != params.flat(committed)[key] for key, _ in changes)


@pytest.mark.slow
def test_an_ablation_of_the_table_comes_out_as_it_was_measured(baseline: Clone) -> None:
    row = ABLATIONS[(ABLATIONS["experiment"] == "dropout off") & (ABLATIONS["seed"] == 0)].iloc[0]
    changes = [argument for setting in row["settings"].split() for argument in ("-S", setting)]
    baseline.run("dvc", "exp", "run", "evaluate", *changes)
    accuracy = files.read_json(baseline.folder / "metrics/evaluate.json")["test_accuracy"]
    assert accuracy == pytest.approx(row["test_accuracy"], abs=0.003)


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([\w./]+)\)", README)
    assert links
    assert all((PROJECT / link).exists() for link in links)


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets
