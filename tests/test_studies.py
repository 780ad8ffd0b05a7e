"""The committed studies: their numbers can be made again, and the README says what they say."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.clones import PROJECT
from support.machine import described

from pipeline.commands.study import MARKS
from pipeline.data import idx, prepared
from pipeline.studies import code, results, spec, tables, trial
from pipeline.studies.measures import MEASURES
from pipeline.studies.outcome import Data
from pipeline.studies.summary import readme_table

README = (PROJECT / "README.md").read_text()
NAMES = sorted(path.stem for path in (PROJECT / "studies").glob("*.yaml") if path.stem not in ("base", "dvc"))


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_has_its_committed_results_of_the_file_as_it_is(name: str) -> None:
    study, arms = spec.load(name)
    found = tables.read(results.folder(name))
    assert found.verdicts["question"] == study.question
    assert [arm["changes"] for arm in found.verdicts["arms"]] == [
        arm.model_dump(mode="json")["changes"] for arm in arms
    ]
    counts = found.trials.groupby("variant", sort=False).size()
    assert counts.to_dict() == {arm.name: study.seeds for arm in arms}


def test_the_readmes_table_is_what_the_results_say() -> None:
    table = README.split(MARKS[0])[1].split(MARKS[1])[0]
    assert table.strip() == readme_table(tables.read(results.folder(name)) for name in NAMES).strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant", "seed"),
    [("convolution", "no hidden layer", 0), ("kernels", "baseline", 1), ("data", "1,000 images", 2)],
)  # fmt: skip
def test_a_committed_trial_run_again_gives_the_committed_numbers(
    name: str, variant: str, seed: int, mnist: Path, record_property: Callable[[str, object], None]
) -> None:
    contents = [(mnist / file).read_bytes() for file in idx.FILES]
    arrays = [
        idx.decode(content, file, 3 if "images" in file else 1)
        for file, content in zip(idx.FILES, contents, strict=True)
    ]
    data = Data(prepared.Split(*arrays[:2]), prepared.Split(*arrays[2:]), tuple("0123456789"))
    study, arms = spec.load(name)
    (arm,) = [arm for arm in arms if arm.name == variant]
    outcome = trial.run(arm.trials(study)[seed], data)
    committed = pd.read_csv(results.folder(name) / "trials.csv")
    (row,) = committed[(committed["variant"] == variant) & (committed["seed"] == seed)].to_dict("records")
    different = [measure for measure in MEASURES if outcome.scores[measure] != row[measure]]
    machine, known = described()
    said = f"{name}, {variant}, seed {seed}: " + (f"other {', '.join(different)}" if different else "as committed")
    record_property("same trials", f"{machine}: {said}")
    if code.fingerprint() == tables.read(results.folder(name)).verdicts["code"]:
        assert not (known and different), said
    for measure in MEASURES:
        assert outcome.scores[measure] == pytest.approx(row[measure], abs=0.02)


def test_dvc_knows_every_study() -> None:
    assert sorted(yaml.safe_load((PROJECT / "studies/dvc.yaml").read_text())["stages"]["study"]["foreach"]) == NAMES
