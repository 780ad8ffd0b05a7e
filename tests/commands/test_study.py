"""`make study` from a question to its verdict, in clones, with the real DVC, MLflow and workers."""

import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support import studied
from support.clones import PROJECT, Clone, copy_of

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(answered: Clone, tmp_path: Path) -> Clone:
    return copy_of(answered, tmp_path / "convscope")


def study(clone: Clone, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return clone.run("python", "-m", "pipeline.commands.study", *arguments, check=check)


def new_trials(clone: Clone, *arguments: str) -> int:
    """How many trials a study ran; what was there is as it was."""
    before = studied.kept(clone)
    study(clone, *arguments)
    after = studied.kept(clone)
    assert before.items() <= after.items()
    return len(after) - len(before)


def table(clone: Clone, name: str = "tiny") -> pd.DataFrame:
    return pd.read_csv(clone.folder / f"studies/results/{name}/trials.csv", keep_default_na=False)


def test_one_command_in_a_fresh_clone_fetches_the_data_and_leaves_results_pages_and_runs(answered: Clone) -> None:
    assert studied.results(answered).keys() == studied.FILES
    assert (table(answered)[["variant", "seed", "failed"]].to_records(index=False).tolist()) == [
        (arm, seed, "") for arm in ("baseline", "larger") for seed in studied.SEEDS
    ]
    for page in ("tiny", "index"):
        assert "larger" in (answered.folder / f"report/studies/{page}.html").read_text()
    trials, answers = (studied.told(answered, f"convscope-{kind}") for kind in ("trials", "studies"))
    assert {(run.data.tags["variant"], run.data.tags["seed"]) for run in trials} == {
        (arm, str(seed)) for arm in ("baseline", "larger") for seed in studied.SEEDS
    }
    assert (len(trials), len(answers)) == (12, 1)
    assert {run.info.status for run in [*trials, *answers]} == {"FINISHED"}
    assert not (answered.folder / "data/prepared").exists()  # of the pipeline it needs the data alone


def test_a_second_call_runs_nothing_and_writes_no_second_run(copy: Clone) -> None:
    before = studied.results(copy)
    (copy.folder / "studies/tiny.yaml").touch()
    copy.set(train__epochs=3, prepare__train_size=200)  # params.yaml is another question's
    study(copy)
    study(copy, "--force")
    assert studied.results(copy) == before
    assert len(studied.told(copy, "convscope-trials")) == 12
    assert len(studied.told(copy, "convscope-studies")) == 1
    assert len(studied.kept(copy)) == 12


def test_more_seeds_are_written_into_the_file_and_only_they_are_run(copy: Clone) -> None:
    before = table(copy)
    assert new_trials(copy, "tiny", "--seeds", "7") == 2
    assert yaml.safe_load((copy.folder / "studies/tiny.yaml").read_text()) == studied.STUDY | {"seeds": 7}
    after = table(copy)
    assert after[after["seed"] < 6].reset_index(drop=True).equals(before)
    assert sorted(after["seed"].unique()) == list(range(7))


def test_a_new_variant_runs_its_own_trials_only_and_other_studies_share_them(copy: Clone) -> None:
    smaller = {"name": "smaller", "changes": {"train.learning_rate": 0.0003}}
    larger = studied.STUDY["variants"]
    studied.write(copy, variants=[*larger, smaller], seeds=7)
    assert new_trials(copy, "tiny") == 6 + 3
    studied.write(copy, "other", variants=[smaller], seeds=6)
    assert new_trials(copy, "other") == 0
    assert "other" in yaml.safe_load((copy.folder / "studies/dvc.yaml").read_text())["stages"]["study"]["foreach"]
    assert {arm["name"] for arm in json.loads(studied.results(copy, "other")["verdicts.json"])["arms"]} == {
        "baseline", "smaller",
    }  # fmt: skip


def test_a_variant_that_fails_is_rows_with_the_reason_a_word_in_the_verdict_and_not_run_again(copy: Clone) -> None:
    wild = {"name": "wild", "changes": {"train.optimizer": "sgd", "train.learning_rate": 1e38}}
    studied.write(copy, variants=[*studied.STUDY["variants"], wild], seeds=7)
    study(copy, "tiny")
    found = table(copy)
    failed = found[found["failed"] != ""]
    assert set(failed["variant"]) == {"wild"}
    assert len(failed) == 7
    assert failed["failed"].str.contains("the network has diverged").all()
    verdict = [line for line in studied.results(copy)["summary.md"].decode().splitlines() if "wild" in line]
    assert "7 of its trials failed" in " ".join(verdict)
    assert new_trials(copy, "tiny", "--force") == 0


def test_a_changed_line_of_the_network_makes_results_stale_and_a_changed_page_or_comment_does_not(
    copy: Clone,
) -> None:
    for path, line in [("pipeline/network/build.py", "# a remark"), ("pipeline/studies/page.py", "OTHER = 1")]:
        (copy.folder / path).write_text((copy.folder / path).read_text() + f"\n{line}\n")
    before = studied.results(copy)
    assert new_trials(copy, "tiny") == 0
    build = copy.folder / "pipeline/network/build.py"
    build.write_text(build.read_text() + "\nOTHER = 1\n")
    assert new_trials(copy, "tiny") == 12
    after = studied.results(copy)
    assert after["trials.csv"] == before["trials.csv"]
    assert after["verdicts.json"] != before["verdicts.json"]  # which names the code


def test_other_data_make_results_stale(copy: Clone, tmp_path: Path) -> None:
    raw = copy.folder / "data/raw"
    copy.run("cp", "-r", str(raw), str(tmp_path / "own"))
    labels = tmp_path / "own/train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:8] + labels.read_bytes()[8:][::-1])
    copy.set(fetch__dataset=str(tmp_path / "own"))
    assert new_trials(copy, "tiny") == 12


def test_two_studies_at_once_both_end_with_their_results(copy: Clone) -> None:
    studied.write(copy, "one", seeds=8)
    studied.write(copy, "two", seeds=7, variants=[{"name": "half", "changes": {"prepare.train_size": 150}}])
    processes = [
        subprocess.Popen(
            ["python", "-m", "pipeline.commands.study", name], cwd=copy.folder, env=copy.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    for process in processes:
        output, _ = process.communicate(timeout=400)
        assert process.returncode == 0, output
    for name in ("one", "two"):
        assert studied.results(copy, name).keys() == studied.FILES
        assert not table(copy, name)["failed"].any()
    assert len(studied.told(copy, "convscope-studies")) == 2
    assert copy.run("dvc", "status", "studies/dvc.yaml").stdout.strip() == "Data and pipelines are up to date."


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nosuch"], r"studies/nosuch\.yaml: no such study; there are tiny"),
        (["tiny", "--seeds", "5"], r"studies/tiny\.yaml: seeds: found 5; allowed are 6 and more, .*"),
        (["--seeds", "8"], r"study: --seeds is for one study; name it"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_one_line_and_changes_nothing(
    answered: Clone, arguments: list[str], line: str
) -> None:
    result = study(answered, *arguments, check=False)
    assert result.returncode == 1
    assert re.fullmatch(line, result.stderr.strip())
    assert yaml.safe_load((answered.folder / "studies/tiny.yaml").read_text()) == studied.STUDY


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"baseline": {"model.kernel_size": 27, "model.pool_size": 3}}, r"larger: model\.pool_size: found 3; .*"),
        ({"baseline": {"prepare.train_size": 499}}, r"baseline: prepare\.\w+: found .*"),
        ({"variants": []}, r"variants: .*"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_is_one_line_before_anything_runs(
    copy: Clone, changes: dict[str, object], line: str
) -> None:
    before = studied.results(copy), studied.kept(copy)
    studied.write(copy, **changes)
    result = study(copy, "tiny", check=False)
    assert result.returncode == 1
    assert [found for found in result.stderr.splitlines() if re.fullmatch(rf"studies/tiny\.yaml: {line}", found)]
    assert "Traceback" not in result.stderr
    assert (studied.results(copy), studied.kept(copy)) == before


def test_help_says_what_it_does_and_with_what(answered: Clone) -> None:
    for command in ("study", "trials"):
        text = answered.run("python", "-m", f"pipeline.commands.{command}", "--help").stdout
        assert text.startswith(f"usage: python -m pipeline.commands.{command}")


def test_the_pipeline_is_the_same_with_and_without_studies(clone: Clone) -> None:
    def said() -> list[str]:
        commands = (["status"], ["checkout"], ["metrics", "show"], ["repro", "--dry"], ["stage", "list"])
        return [clone.run("dvc", *command, check=False).stdout for command in commands]

    (clone.folder / "dvc.lock").write_bytes((PROJECT / "dvc.lock").read_bytes())
    before = said()
    clone.run("rm", "-r", "studies/dvc.yaml", "studies/dvc.lock", "studies/results")
    assert said() == before
