"""Two runs side by side: what a comparison tells, what it cannot tell, and where it finds the runs."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import compared
from support.browser import needs_browser, opened
from support.clones import Clone, rows

from pipeline.commands import compare
from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.tracking import lineage
from pipeline.tracking.sides import SETTINGS, TEST_IMAGES

MINUS = "\N{MINUS SIGN}"


def told(a: Any, b: Any) -> dict[str, Any]:
    return compare.compare(compared.side(a, "one"), compared.side(b, "other"))


def turned(difference: str) -> str:
    """A difference with the other sign."""
    return difference.translate(str.maketrans(f"+{MINUS}", f"{MINUS}+"))


def test_a_run_against_itself_shows_no_difference() -> None:
    same = told(compared.files_of(), compared.files_of())
    assert same["same_results"]
    assert same["settings"] == same["remarks"] == same["absent"] == same["more"] == []
    assert {row.difference for row in same["rows"]} == {"0"}
    assert same["pairs"].won.sum() == same["pairs"].lost.sum() == 0
    assert same["pairs"].p == 1
    assert "A and B are the same content." in compare.report(same)
    assert "A and B are the same content." in compare.page(same)


def test_swapping_the_runs_mirrors_all_that_is_told() -> None:
    one, other = compared.files_of(0), compared.files_of(1, train__epochs=3, model__dense=[64])
    there, back = told(one, other), told(other, one)
    assert there["settings"] == [(key, b, a) for key, a, b in back["settings"]]
    assert {("train.epochs", "6", "3"), ("model.dense", "[]", "[64]")} == set(there["settings"])
    for row, mirrored in zip(there["rows"] + there["more"], back["rows"] + back["more"], strict=True):
        assert (row.title, row.a, row.b) == (mirrored.title, mirrored.b, mirrored.a)
        assert row.difference == turned(mirrored.difference)
        assert row.interval.split(" to ")[::-1] == turned(mirrored.interval).split(" to ")
    assert np.array_equal(there["pairs"].won, back["pairs"].lost)
    assert there["pairs"].won.any()
    assert there["pairs"].p == back["pairs"].p
    assert there["pairs"].most_changed(there["pairs"].won).tolist() == (
        back["pairs"].most_changed(back["pairs"].lost).tolist()
    )


def test_settings_are_told_as_yaml_and_of_a_place_its_name_alone() -> None:
    one = compared.files_of(train__early_stopping=None, train__native=True, fetch__dataset="/home/me/digits")
    other = compared.files_of(train__early_stopping=3, train__native=False, fetch__dataset="/home/you/digits")
    assert told(one, other)["settings"] == [
        ("fetch.dataset", "digits", "digits, in another folder"),
        ("train.early_stopping", "null", "3"),
        ("train.native", "true", "false"),
    ]


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"classes": 12}, "their classes differ"),
    ({"labels": compared.LABELS[:150]}, "their test sets have 200 and 150 images"),
    ({"labels": compared.LABELS[::-1]}, "their test images have other labels"),
]


@pytest.mark.parametrize(("changes", "reason"), OTHERS)
def test_what_cannot_be_compared_is_said_and_the_rest_is(changes: dict[str, Any], reason: str) -> None:
    different = told(compared.files_of(0), compared.files_of(1, **changes, train__epochs=3))
    assert any(reason in line for line in different["remarks"])
    assert different["pairs"] is None
    assert {row.difference for row in different["rows"]} == {"—"}
    assert different["settings"]
    page = compare.page(different)
    assert "Line chart of loss by epoch" in page
    assert "The 12 kernels of B" in page
    assert "McNemar" not in page + compare.report(different)


def test_other_data_of_the_same_labels_are_not_the_same_test_images() -> None:
    other = compared.files_of(1, fetch__dataset="/data/other")
    other[TEST_IMAGES] = idx.encode(np.zeros((200, 8, 8), np.uint8))
    assert told(compared.files_of(), other)["pairs"] is None
    other = compared.files_of(1)  # the same data set, brought to another size or scale
    other[TEST_IMAGES] = idx.encode(np.zeros((200, 9, 9), np.uint8))
    rescaled = told(compared.files_of(), other)
    assert rescaled["pairs"]
    assert rescaled["remarks"] == [
        "The test images have the same labels and other pixels; they are taken for the same pictures."
    ]


MISSING = {
    paths.PREDICTIONS: "newly right",
    paths.HISTORY: "Line chart",
    paths.TRAINED_KERNELS: "kernels of B",
    TEST_IMAGES: "nothing, since the other run has the images",
}


@pytest.mark.parametrize("path", MISSING)
def test_a_missing_file_is_told_and_only_its_part_is_missing(path: Path) -> None:
    partial = compare.compare(compared.side(compared.files_of(0)), compared.side(compared.files_of(1), without=(path,)))
    assert partial["absent"] == [f"B: {path}: lost."]
    page = compare.page(partial)
    assert [part for part in MISSING.values() if part not in page] == sorted({MISSING[path], MISSING[TEST_IMAGES]})
    assert partial["rows"][0].difference != "—"


def test_a_run_without_any_of_its_results_is_told_in_one_line() -> None:
    files = compared.files_of()
    with pytest.raises(UserError, match=r"compare: run: metrics/history\.csv, data/predictions\.npz, .*: lost"):
        compared.side(files, without=tuple(path for path in files if path.name != "params.yaml"))
    with pytest.raises(UserError, match=r"no dvc\.lock|with a dvc\.lock"):
        compared.side(files, without=(lineage.LOCK,))


def test_a_damaged_file_is_told_in_one_line() -> None:
    files = compared.files_of()
    files[paths.PREDICTIONS] = files[paths.PREDICTIONS][:-100]
    with pytest.raises(UserError, match="compare: one: a file of it is damaged"):
        told(files, compared.files_of())


def test_numbers_of_an_older_version_are_known_by_their_names_of_today() -> None:
    older = compared.files_of()
    older[paths.metrics("train")] = older[paths.metrics("train")].replace(b"best_", b"kept_")
    assert [row for row in told(older, compared.files_of())["rows"] if row.difference != "0"] == []


def test_results_that_are_not_those_of_the_settings_or_of_the_test_set_say_so() -> None:
    stale = compared.side(compared.files_of())
    changed = compared.files_of(train__epochs=9, prepare__validation="test")
    stale.files[SETTINGS] = changed[SETTINGS]
    stale.files[paths.HISTORY] += b"4,1,1,1,1\n"
    lines = compare.compare(stale, compared.side(compared.files_of()))["remarks"]
    assert lines == [
        "A: train.epochs is 9 in params.yaml, 6 in dvc.lock: its results are not those of its settings.",
        "A: metrics/history.csv is not what dvc.lock says: its results are not those of its settings.",
        "A: the test set was used for validation, so its score is no estimate for unseen images.",
    ]


def test_the_images_drawn_are_the_most_changed_with_their_class_and_both_answers() -> None:
    comparison = told(compared.files_of(0), compared.files_of(1))
    pairs, runs = comparison["pairs"], comparison["runs"]
    cards = compare.cards(pairs.won, pairs, runs)
    assert len(cards) == min(compare.SHOWN, pairs.won.sum())
    changes = []
    for card in cards:
        index = card["index"]
        answers = {name: answer for name, (answer, _) in card["answers"].items()}
        assert answers["B"] == card["label"] == str(compared.LABELS[index]) != answers["A"]
        assert card["answers"]["A"][1] == pairs.a.probabilities[index].max()
        truth = compared.LABELS[index]
        changes.append(abs(pairs.b.probabilities[index, truth] - pairs.a.probabilities[index, truth]))
    assert changes == sorted(changes, reverse=True)


def page_of(folder: Path, **changes: Any) -> Path:
    path = folder / "compare.html"
    path.write_text(compare.page(told(compared.files_of(0), compared.files_of(1, **changes))))
    return path


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = page_of(tmp_path, train__epochs=3).read_text()
    assert "<script" not in page
    assert "http" not in page
    assert set(re.findall(r'src="([^"]{10})', page)) == {"data:image"}
    assert set(re.findall(r'href="#(\w+)"', page)) <= set(re.findall(r'id="(\w+)"', page))
    assert "not about the settings" in page


@needs_browser
@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_on_the_page_is_wider_than_it_or_hides_in_a_table(width: int, tmp_path: Path) -> None:
    path = page_of(tmp_path, train__epochs=3, model__filters=[8, 16, 32, 64], fetch__source="/a/" + 60 * "long")
    with opened(path.as_uri(), viewport={"width": width, "height": 800}, offline=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        hidden = "[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
        assert page.evaluate(hidden) == 0
        heights = "[...document.querySelectorAll('.measures tr')].map(one => one.offsetHeight)"
        assert max(page.evaluate(heights)) < 100  # no number is broken into pieces
        assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")


@pytest.fixture(scope="module")
def project(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone, store and all, in which an experiment ran after the commit and lies in the workspace; only read."""
    folder = tmp_path_factory.mktemp("compared") / "convscope"
    subprocess.run(["cp", "-r", finished.folder, folder], check=True)
    clone = Clone(folder)
    clone.run("dvc", "exp", "run", "-n", "longer", "-S", "train.epochs=3")
    return clone


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The command in a clone's folder, which returns what it prints, a refusal alone."""

    def run(clone: Clone, *arguments: str) -> str:
        monkeypatch.chdir(clone.folder)
        monkeypatch.setattr(sys, "argv", ["compare", *arguments])
        capsys.readouterr()
        try:
            compare.main()
        except SystemExit as refused:
            return f"refused: {refused}"
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_the_same_run_is_told_the_same_by_whatever_name_it_goes(
    project: Clone, command: Callable[..., str], tmp_path: Path
) -> None:
    status = project.run("git", "status", "--porcelain", "--ignored").stdout
    newest, before = [run.info.run_id for run in rows(project)]
    said = {}
    for names in ((), ("HEAD", "longer"), (before, "workspace"), ("longer", newest)):
        output = command(project, *names, "--output", str(tmp_path / "page.html"))
        said[names] = output.partition("\n\n")[2]
        assert (tmp_path / "page.html").read_text().count("<h2>") == 6
    assert project.run("git", "status", "--porcelain", "--ignored").stdout == status
    same = said.pop(("longer", newest))
    assert same.startswith("A and B are the same content.")
    (difference,) = set(said.values())
    assert re.search(r"^setting +A +B\ntrain\.epochs +2 +3\n\nTheir results differ\.", difference)
    assert "McNemar's exact test p = " in difference


@pytest.mark.slow
def test_the_page_is_not_gits_and_an_unknown_name_is_told_in_one_line(
    project: Clone, command: Callable[..., str]
) -> None:
    command(project, "HEAD", "HEAD")
    assert (project.folder / "report/compare.html").exists()
    assert "compare.html" not in project.run("git", "status", "--porcelain").stdout
    for names in (("HEAD", "0" * 32), ("", "HEAD"), ("HEAD:params.yaml",)):
        (line,) = command(project, *names).splitlines()
        assert line.startswith("refused: compare: found ")
        assert "an experiment of DVC (longer)" in line
    refused = project.run("python", "-m", "pipeline.commands.compare", "nonsense", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("compare: found nonsense; allowed are workspace, a branch")


@pytest.mark.slow
def test_what_is_in_no_cache_is_told_with_its_cure_and_the_rest_is_compared(
    project: Clone, command: Callable[..., str], tmp_path: Path
) -> None:
    clone = Clone(tmp_path / "convscope")
    subprocess.run(["cp", "-r", project.folder, clone.folder], check=True)
    locked = clone.run("git", "show", "HEAD:dvc.lock").stdout
    md5 = re.search(r"data/predictions\.npz\n +hash: md5\n +md5: (\w+)", locked)
    assert md5
    (clone.folder / f".dvc/cache/files/md5/{md5[1][:2]}/{md5[1][2:]}").unlink()
    output = command(clone)
    assert "! A: data/predictions.npz: neither in DVC's cache nor in a remote; `dvc push` where" in output
    assert re.search(r"^test accuracy +\d+\.\d\d % ", output, re.MULTILINE)
    assert "McNemar" not in output
    shutil.rmtree(clone.folder / ".dvc/cache")
    (line,) = command(clone, "longer").splitlines()
    assert line.startswith("refused: compare: longer: ")
    assert line.endswith("`dvc exp push` where it ran, then `dvc exp pull <git remote> longer`")
