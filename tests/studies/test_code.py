"""The hash of the code that can change a trial."""

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.clones import PROJECT

from pipeline.studies import code

PLAIN = """
def twice(value):
    return f"{value * 2:>{8}}" + "a"
"""


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + PLAIN,
        '"""Of the module."""\n' + PLAIN,
        PLAIN.replace("(value):", '(value):\n    """Return twice the value.\n\n    At length."""'),
        PLAIN.replace("return", "# why\n\n    return"),
    ],
)
def test_comments_docstrings_and_blank_lines_change_no_token(same: str) -> None:
    assert code.tokens(same) == code.tokens(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("* 2", "* 3"),
        PLAIN.replace(">{8}", ">{9}"),
        PLAIN.replace('"a"', '"b"'),
        PLAIN.replace("    return", "    if value:\n        return"),
        PLAIN.replace("twice", "double"),
    ],
)
def test_a_change_of_what_is_computed_changes_the_tokens(other: str) -> None:
    assert code.tokens(other) != code.tokens(PLAIN)


def test_an_indented_line_is_not_the_same_as_one_that_is_not() -> None:
    one = "if a:\n    b()\n    c()\n"
    assert code.tokens(one) != code.tokens("if a:\n    b()\nc()\n")


def test_an_f_string_is_one_token_under_every_version_of_python() -> None:
    assert [token for token in code.tokens(PLAIN) if token.startswith("f")] == ['f"{value * 2:>{8}}"']
    nested = 'x = f"""a\n{f"{b}" + c}\nd"""\n'
    assert code.tokens(nested)[2] == nested[4:-1]


def test_a_trial_uses_the_network_the_data_and_the_scores_and_neither_pages_nor_tracking() -> None:
    modules = code.imported(code.TRIAL)
    assert {"pipeline.network.fused", "pipeline.data.prepared", "pipeline.metrics.scores"} <= modules
    folders = {name.split(".")[1] for name in modules}
    assert folders <= {"config", "data", "metrics", "network", "studies"}
    assert not {"pipeline.studies.page", "pipeline.studies.verdict", "pipeline.studies.engine"} & modules


def fingerprint_in(folder: Path) -> str:
    command = [sys.executable, "-c", "from pipeline.studies import code; print(code.fingerprint())"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_changed_line_that_a_trial_uses_makes_trials_stale_and_a_changed_comment_or_page_does_not(
    tmp_path: Path,
) -> None:
    shutil.copytree(PROJECT / "pipeline", tmp_path / "pipeline")
    before = fingerprint_in(tmp_path)
    for name in ("network/fused.py", "studies/verdict.py", "page/page.py"):
        with (tmp_path / "pipeline" / name).open("a") as file:
            file.write("# a comment\n")
    (tmp_path / "pipeline/page/page.py").write_text("1 + 1\n")
    assert fingerprint_in(tmp_path) == before
    with (tmp_path / "pipeline/network/fused.py").open("a") as file:
        file.write("MICRO_BATCHES = 8\n")
    assert fingerprint_in(tmp_path) != before


def test_the_archive_holds_the_package_and_has_the_same_bytes_each_time() -> None:
    archive = code.archive()
    assert archive == code.archive()
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert {"pipeline/__init__.py", "pipeline/studies/trial.py", "pipeline/network/backend.py"} <= set(names)
