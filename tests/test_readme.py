"""The README's numbers against a run of the whole pipeline on real MNIST."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT, Clone

from pipeline import files

README = (PROJECT / "README.md").read_text()


@pytest.fixture(scope="module")
def metrics(make_clone: Callable[[], Clone], mnist: Path) -> dict[str, float]:
    """All metrics of the committed settings."""
    clone = make_clone()
    (clone.folder / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    clone.set(fetch__source=str(mnist))
    clone.repro()
    return {
        name: value
        for path in (clone.folder / "metrics").glob("*.json")
        for name, value in files.read_json(path).items()
    }


# another CPU rounds otherwise, and the weights drift apart a little: the quoted digits may move by so much
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
    (r"\| (\d\.\d+) on average against", "highest_probability_wrong", 1, 0.03),
    (r"on average against (\d\.\d+) where", "highest_probability_right", 1, 0.01),
    (r"right; AUROC (\d\.\d+) \|", "wrong_auroc", 1, 0.01),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("quote", "name", "scale", "tolerance"), QUOTES, ids=[name for _, name, _, _ in QUOTES])
def test_the_readme_quotes_what_the_pipeline_measures(
    metrics: dict[str, float], quote: str, name: str, scale: float, tolerance: float
) -> None:
    (quoted,) = re.findall(quote, README.replace("\n", " "))
    assert float(quoted) == pytest.approx(scale * metrics[name], abs=tolerance)


def test_every_file_that_the_readme_names_exists() -> None:
    tree = README.split("```")[5]
    named = re.findall(r"\b(\w+\.(?:py|yaml))\b", tree)
    assert named
    assert all((PROJECT / name).exists() or (PROJECT / "pipeline" / name).exists() for name in named)
    assert all((PROJECT / link).exists() for link in re.findall(r"\]\(([\w/]+\.\w+|[A-Z]+)\)", README))


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets
