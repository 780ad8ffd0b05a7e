import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.clones import ARTICLE_YAML, PROJECT, SETTINGS
from support.settings import texts, trees

from pipeline.config import params
from pipeline.config.errors import UserError

COMMITTED: dict[str, dict[str, Any]] = yaml.safe_load(ARTICLE_YAML.read_text())
LEAVES = {f"{section}.{key}": value for section, values in COMMITTED.items() for key, value in values.items()}

fractions = st.sampled_from(["", ".", ".0", ".5", ".0625"])
number_texts = st.builds("{}{}e{}".format, st.integers(-(10**18), 10**18), fractions, st.integers(-330, 330))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def changed(key: str, text: str) -> str:
    """Return valid settings in YAML, but for `text` as the value of `section.key`."""
    section, name = key.split(".")
    return yaml.safe_dump(COMMITTED | {section: COMMITTED[section] | {name: "@"}}).replace("'@'", text)


def refusal(text: str) -> str:
    with pytest.raises(UserError) as refused:
        params.parse(text, "params.yaml")
    return str(refused.value)


def test_the_committed_settings_are_accepted_as_they_stand():
    assert params.flat(SETTINGS) == LEAVES


def test_params_yaml_is_valid_whatever_it_was_changed_to():
    assert params.flat(params.load(PROJECT / "params.yaml")).keys() == LEAVES.keys()


def test_flat_keeps_to_the_named_sections_and_keys():
    assert params.flat(SETTINGS, ["train", "fetch", "model.dense"]) == {
        key: value
        for key, value in LEAVES.items()
        if key.startswith(("train.", "fetch.", "model.dense")) and key != "model.dense_dropout"
    }


@given(trees())
@settings(deadline=None, max_examples=30)
def test_valid_settings_come_back_as_they_were_written(tree: dict[str, Any]):
    assert params.parse(yaml.safe_dump(tree, allow_unicode=True), "params.yaml").model_dump(mode="json") == tree


# of two keys that contradict each other one is named, whichever was changed
CONTRADICTED = {"kernel_demo.high": ("kernel_demo.low",)}


@given(st.sampled_from(sorted(LEAVES)), anything)
@settings(deadline=None)
def test_whatever_stands_at_a_key_is_taken_as_it_is_or_refused_by_the_keys_name(key: str, value: Any):
    section, name = key.split(".")
    text = yaml.safe_dump(COMMITTED | {section: COMMITTED[section] | {name: value}})
    taken, refusals = value, []
    try:
        taken = params.flat(params.parse(text, "params.yaml"))[key]
    except UserError as error:
        refusals = str(error).splitlines()
    assert refusals or (taken == value and isinstance(value, bool) == isinstance(LEAVES[key], bool))
    names = (key, *CONTRADICTED.get(key, ()))
    assert all(line.startswith(tuple(f"params.yaml: {name}" for name in names)) for line in refusals)


@pytest.mark.parametrize(
    ("key", "text", "found_and_allowed"),
    [
        ("prepare.train_size", "20000.0", "found 20000.0; .*whole number from 1 up, or all"),
        ("prepare.train_size", "0", "found 0; .*whole number from 1 up, or all"),
        ("prepare.train_size", "some", 'found "some"; .*whole number from 1 up, or all'),
        ("prepare.validation", "other", "found \"other\"; .*'holdout' or 'test'"),
        ("kernel_demo.seed", "-1", "found -1; .*greater than or equal to 0"),
        ("kernel_demo.low", "0.0", "found 0; allowed are numbers below kernel_demo.high, 0"),
        ("kernel_demo.low", "0.5", "found 0.5; allowed are numbers below kernel_demo.high, 0"),
        ("kernel_demo.low", "-101", "found -101; .*greater than or equal to -100"),
        ("kernel_demo.high", "100.5", "found 100.5; .*less than or equal to 100"),
        ("kernel_demo.high", "one", 'found "one"; .*valid number'),
        ("train.seed", "4294967296", "found 4294967296; .*less than 4294967296"),
        ("model.filters", "0", "found 0; .*valid array"),
        ("model.dropout", "1.0", "found 1.0; .*less than 1"),
        ("train.epochs", "0", "found 0; .*greater than or equal to 1"),
        ("train.batch_size", "true", "found true; .*valid integer"),
        ("train.batch_size", '"128"', 'found "128"; .*valid integer'),
        ("train.learning_rate", "0", "found 0; .*greater than 0"),
        ("train.learning_rate", ".nan", "found NaN; .*finite"),
        ("train.learning_rate", ".inf", "found Infinity; .*finite"),
        ("visualise.filter", "32", "found 32; allowed are 0 to 31"),
        ("model.activation", "softplus", "found \"softplus\"; .*'relu', .*"),
        ("model.kernel_init", "edge", "found \"edge\"; .*'article_random' or 'edges'"),
        ("model.freeze_kernels", "1", "found 1; .*valid boolean"),
        ("model.augment_rotation", "181", "found 181; .*less than or equal to 180"),
        ("robustness.images", "0", "found 0; .*whole number from 1 up, or all"),
        ("robustness.corruptions", "[]", "found \\[\\]; .*at least 1 item"),
        ("robustness.corruptions", "[scale, rotate, scale]", 'found \\["scale", .*; .*each corruption once'),
        ("train.early_stopping", "0", "found 0; .*greater than or equal to 1"),
        ("train.optimizer", "adamax", "found \"adamax\"; .*'adam', 'adamw', 'sgd' or 'adadelta'"),
    ],
)
def test_a_wrong_value_is_refused_in_a_line_with_key_finding_and_allowance(key: str, text: str, found_and_allowed: str):
    assert re.fullmatch(f"params.yaml: {key}: {found_and_allowed}.*", refusal(changed(key, text)))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"pool_after": [2]}, r"model.pool_after: found \[2\]; allowed are rising numbers from 1 to 1, .*"),
        ({"filters": [], "pool_after": [1]}, r"model.pool_after: found \[1\] with model.filters \[\]; allowed is null"),
        ({"filters": [4, 4], "pool_after": [2, 1]}, r"model.pool_after: found \[2, 1\]; .*"),
        ({"kernel_init": "edges", "kernel_size": 4}, "model.kernel_size: found 4; with kernel_init edges .* 3, 5, 7.*"),
        ({"kernel_init": "edges", "kernel_size": 1}, "model.kernel_size: found 1; with kernel_init edges .*"),
    ],
)
def test_layers_that_do_not_fit_together_are_refused_by_name(changes: dict[str, Any], line: str):
    tree = COMMITTED | {"model": COMMITTED["model"] | changes}
    assert re.fullmatch(f"params.yaml: {line}", refusal(yaml.safe_dump(tree)))


def test_a_range_of_kernels_that_ends_below_its_start_is_refused_with_both_ends():
    line = "params.yaml: kernel_demo.low: found -1; allowed are numbers below kernel_demo.high, -2"
    assert refusal(changed("kernel_demo.high", "-2")) == line


def test_without_a_convolution_any_filter_may_be_named_since_none_is_followed():
    model, visualise = COMMITTED["model"] | {"filters": []}, COMMITTED["visualise"] | {"filter": 99}
    taken = params.parse(yaml.safe_dump(COMMITTED | {"model": model, "visualise": visualise}), "params.yaml")
    assert (taken.model.filters, taken.visualise.filter) == ((), 99)


def test_early_stopping_on_the_test_set_is_refused_and_on_a_holdout_taken():
    train = COMMITTED["train"] | {"early_stopping": 3}
    for validation, taken in (("holdout", True), ("test", False)):
        prepare = COMMITTED["prepare"] | {"validation": validation}
        text = yaml.safe_dump(COMMITTED | {"train": train, "prepare": prepare})
        if taken:
            assert params.parse(text, "params.yaml").train.early_stopping == 3
        else:
            assert re.match(
                r"params.yaml: train.early_stopping: found 3 with .*validation test.*holdout", refusal(text)
            )


@given(number_texts)
@example("1e-3")
@example("1e-05")  # as DVC itself writes 0.00001 into params.yaml
@settings(deadline=None)
def test_a_number_is_read_with_or_without_a_point_before_its_exponent(text: str):
    rate = float(text)
    if 0 < rate < math.inf:
        assert params.parse(changed("train.learning_rate", text), "params.yaml").train.learning_rate == rate


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("epochs:", "epoch:", r"train\.epoch: unknown key; did you mean train\.epochs\?.*batch_size.*"),
        ("train:", "trian:", r"trian: unknown key; did you mean train\?.*fetch, prepare.*"),
        ("train:", "zip: 1\ntrain:", r"zip: unknown key; allowed here: fetch, prepare.*"),
        ("  epochs: .*\n", "", r"train\.epochs: missing.*"),
    ],
)
def test_an_unknown_or_missing_key_is_named_along_with_the_right_one(old: str, new: str, line: str):
    text, count = re.subn(old, new, yaml.safe_dump(COMMITTED))
    assert count == 1
    assert re.fullmatch(f"params.yaml: {line}", refusal(text))


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "found null; .*fetch, prepare.*"),
        ("- train\n- model", r'found \["train", "model"\]; .*fetch, prepare.*'),
        ("train: [", "not readable as YAML: line 1: .*"),
        ("train: 1\ntrain: 2", "not readable as YAML: line 2: .*duplicate key.*"),
        ("train: {2001-01-01: 1}", ".+"),
        ("train: &loop [*loop]", ".+"),
    ],
    ids=["empty", "list", "not YAML", "key twice", "date as key", "contains itself"],
)
def test_a_file_that_is_no_tree_of_settings_is_refused_in_lines_that_name_it(text: str, finding: str):
    first, *others = refusal(text).splitlines()
    assert re.fullmatch(f"params.yaml: {finding}", first)
    assert all(line.startswith("params.yaml: ") for line in others)


def test_a_missing_file_and_one_that_is_not_text_are_refused_by_name(tmp_path: Path):
    place = tmp_path / "params.yaml"
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: not found"):
        params.load(place)
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: not UTF-8"):
        params.load(place)


def test_settings_cannot_be_changed_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        SETTINGS.train.epochs = 1
    with pytest.raises(ValidationError, match="frozen"):
        SETTINGS.train = SETTINGS.train
    assert isinstance(SETTINGS.model.filters, tuple)
