"""The README's numbers against a run of the whole pipeline on real MNIST."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.browser import needs_browser, opened
from support.clones import ARTICLE_YAML, PROJECT, SETTINGS, Clone
from support.machine import described
from support.playgrounds import answers_as_the_pipeline_did

from pipeline.config import params
from pipeline.data import files

README = (PROJECT / "README.md").read_text()


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
    machine, known = described()
    if params.load(PROJECT / "params.yaml") != SETTINGS:
        record_property("same bytes", "not compared: params.yaml is not the committed one")
        return
    committed, made = outputs_of(PROJECT), outputs_of(baseline.folder)
    assert committed.keys() == made.keys()
    different = [path for path in committed if committed[path] != made[path]]
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
    (r"right; AUROC (\d\.\d+)\.", "misclassification_auroc", 1, 0.01),
    (r"responses gets (\d+\.\d+) % of 2,000", "ridge_accuracy_random", 100, 1),
    (r"pooled pixels (\d+\.\d+) %", "ridge_accuracy_pixels", 100, 1),
    (r"on edge kernels (\d+\.\d+) %", "ridge_accuracy_edges", 100, 1),
    (r"on the learnt kernels (\d+\.\d+) %", "ridge_accuracy_learnt", 100, 1),
    (r"before training (\d+\.\d+) %", "ridge_accuracy_initial", 100, 1),
    (r"\| (\d+) of the 32 are like an edge", "edge_filters", 1, 4),
    (r"and (\d+\.\d+) % of the rest are right \|", "selective_accuracy", 100, 0.3),
    (r"calibration error (\d+\.\d+) %,", "expected_calibration_error", 100, 0.3),
    (r", and (\d+\.\d+) % after temperature", "expected_calibration_error_scaled", 100, 0.3),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("quote", "name", "scale", "tolerance"), QUOTES, ids=[name for _, name, _, _ in QUOTES])
def test_the_readme_quotes_what_the_pipeline_measures(
    metrics: dict[str, float], quote: str, name: str, scale: float, tolerance: float
) -> None:
    (quoted,) = re.findall(quote, README.replace("\n", " "))
    assert float(quoted) == pytest.approx(scale * metrics[name], abs=tolerance)


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([\w./]+)\)", README)
    assert links
    assert all((PROJECT / link).exists() for link in links)


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets


@needs_browser
@pytest.mark.slow
def test_the_page_to_draw_on_answers_to_500_test_images_and_more_mistakes_as_the_pipeline_did(baseline: Clone) -> None:
    with opened("about:blank", offline=True) as page:
        assert answers_as_the_pipeline_did(page, baseline.folder) > 500
    assert (baseline.folder / "report/playground.html").stat().st_size < 1_000_000
