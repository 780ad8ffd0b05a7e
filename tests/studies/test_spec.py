"""Files of studies: what is taken, and how a mistake is told."""

from pathlib import Path

import pytest
import yaml
from support.clones import ARTICLE_YAML, PROJECT

from pipeline.config import params
from pipeline.config.errors import UserError
from pipeline.studies import spec

GOOD = {
    "question": "Does it matter?",
    "variants": [{"name": "wide", "changes": {"model.filters": [64]}}],
    "seeds": 8,
    "measures": [{"name": "test_accuracy", "better": "higher", "worth": 0.002}],
}
WIDE = GOOD["variants"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/base.yaml").write_text(ARTICLE_YAML.read_text())
    monkeypatch.chdir(tmp_path)


def write(**changes: object) -> None:
    Path("studies/wide.yaml").write_text(yaml.safe_dump(GOOD | changes))


@pytest.mark.parametrize("name", [path.stem for path in (PROJECT / "studies").glob("*.yaml")])
def test_every_committed_study_is_valid_and_known_to_dvc(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    studies = yaml.safe_load(Path("studies/dvc.yaml").read_text())["stages"]["study"]["foreach"]
    assert sorted(studies) == spec.names()
    if name not in ("base", "dvc"):
        spec.load(name)


def test_a_variant_has_the_settings_of_what_it_is_compared_with_but_for_its_changes() -> None:
    deeper = {"name": "wide and long", "baseline": "wide", "changes": {"train.epochs": 9}}
    write(baseline={"train.batch_size": 64}, variants=[*WIDE, deeper])
    study, arms = spec.load("wide")
    base = params.flat(params.load(ARTICLE_YAML))
    flat = {arm.name: params.flat(arm.settings) for arm in arms}
    assert flat["baseline"] == base | {"train.batch_size": 64}
    assert flat["wide"] == flat["baseline"] | {"model.filters": [64]}
    assert flat["wide and long"] == flat["wide"] | {"train.epochs": 9}
    assert study.vary == ("train.seed", "prepare.seed")


def test_a_trial_differs_from_its_arm_in_the_seeds_that_vary_and_in_nothing_else() -> None:
    write(vary=["train.seed"])
    study, (_, arm) = spec.load("wide")
    trials = arm.trials(study)
    assert [trial.train.seed for trial in trials] == list(range(8))
    for trial in trials:
        assert params.flat(trial) | {"train.seed": 0} == params.flat(arm.settings)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"variants": [{"name": "x", "changes": {"model.filter": [3]}}]}, "x: model.filter: unknown setting; allowed"),
        ({"variants": [{"name": "x", "changes": {"model.dropout": 2}}]}, r"x: model.dropout: found 2.*less than 1"),
        ({"variants": [{"name": "x", "changes": {"model.kernel_size": 4, "model.kernel_init": "edges"}}]}, "x: .*3, 5"),
        ({"variants": [{"name": "x", "changes": {"fetch.dataset": "fashion_mnist"}}]}, "x: fetch.dataset: the data"),
        ({"variants": [{"name": "x", "changes": {"train.seed": 3}}]}, "x: train.seed: a seed is no change"),
        ({"variants": [{"name": "x", "changes": {"train.native": True}}]}, "x: train.native: found true"),
        ({"variants": [{"name": "x", "changes": {"model.filters": [32]}}]}, "x: the same settings as baseline"),
        ({"variants": [{"name": "x", "changes": {"visualise.filter": 1}}]}, "x: visualise.filter: unknown setting"),
        ({"variants": [{"nam": "x", "changes": {"model.dropout": 0.1}}]}, r"variants.0.nam: unknown key; did you mean"),
        ({"variants": [{"name": "baseline", "changes": {"model.dropout": 0.1}}]}, "found the name baseline"),
        ({"variants": [{"name": "x", "baseline": "y", "changes": {"model.dropout": 0.1}}]}, "x: baseline: found y"),
        ({"variants": [*WIDE, *WIDE]}, "variants: found wide twice"),
        ({"variants": []}, "variants: found none"),
        ({"seeds": 5}, "seeds: found 5; allowed are 6 and more, for the number of variants .1."),
        ({"seeds": 0}, "seeds: found 0"),
        ({"vary": ["train.epochs"]}, r"vary.0: found \"train.epochs\"; .*'train.seed' or 'prepare.seed'"),
        ({"vary": ["train.seed", "train.seed"]}, "vary: found train.seed twice"),
        ({"measures": [{"name": "speed", "better": "higher", "worth": 1}]}, "measures.0.name: found .*test_loss"),
        ({"measures": [{"name": "test_loss", "better": "lower", "worth": -1}]}, "measures.0.worth: found -1; .*great"),
        ({"measures": [{"name": "test_loss", "better": "less", "worth": 1}]}, "measures.0.better: found \"less\""),
        ({"measures": []}, "measures: found \\[\\]"),
        ({"question": ""}, "question: found \"\""),
        ({"seed": 3}, "seed: unknown key; did you mean seeds?"),
        ({"against_itself": True}, "against_itself: "),
        ({"reference": {"test_accuracy": "high"}}, "reference.test_accuracy"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_lines_that_name_the_file_the_key_and_what_is_allowed(
    changes: dict[str, object], told: str
) -> None:
    write(**changes)
    with pytest.raises(UserError, match=told) as refused:
        spec.load("wide")
    assert all(line.startswith("studies/wide.yaml: ") for line in str(refused.value).splitlines())


@pytest.mark.parametrize(
    ("text", "told"),
    [("question: [", "not readable as YAML"), ("- a", "needed are the keys question"), ("a: 1\na: 2", "duplicate key")],
)
def test_a_file_that_is_no_study_is_refused_in_one_line(text: str, told: str) -> None:
    Path("studies/wide.yaml").write_text(text)
    with pytest.raises(UserError, match=told) as refused:
        spec.load("wide")
    assert "\n" not in str(refused.value)


def test_a_study_that_is_not_there_is_told_with_those_that_are() -> None:
    write()
    with pytest.raises(UserError, match=r"studies/wild\.yaml: no such study; there are wide"):
        spec.load("wild")
