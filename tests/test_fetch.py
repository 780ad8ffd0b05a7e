"""What the stage refuses."""

import re
from pathlib import Path

import pytest
from support.clones import SETTINGS, Clone
from support.synthetic import contents_of, cut, synthetic_digits, write_idx

from pipeline import fetch
from pipeline.data import idx


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("{folder}/own", rf"{{folder}}/own: {idx.TRAIN_IMAGES}: .*30x28x28.*"),
        (
            "cifar10",
            r"params\.yaml: fetch\.dataset: found cifar10; allowed are mnist, fashion_mnist, or a folder or archive of "
            "your own, and there is no /.*/cifar10",
        ),
        ("~nobody-here/own", r"params\.yaml: fetch\.dataset: found ~nobody-here/own; allowed are mnist, .*"),
    ],
    ids=["damaged", "neither known nor there", "of nobody's home"],
)
def test_the_stage_refuses_a_data_set_in_one_line_and_keeps_nothing(
    clone: Clone, tmp_path: Path, place: str, message: str
):
    write_idx(tmp_path / "own", synthetic_digits(30, 0), synthetic_digits(20, 1))
    cut(tmp_path / "own" / idx.TRAIN_IMAGES)
    clone.set(fetch__dataset=place.format(folder=tmp_path))
    result = clone.run("python", "-m", "pipeline.fetch", check=False)
    assert result.returncode == 1
    assert re.fullmatch(message.format(folder=re.escape(str(tmp_path))) + "\n", result.stderr)
    assert not [path for path in (clone.folder / "data").rglob("*") if path.is_file()]


def changed(**sections: dict[str, object]) -> object:
    """The article's settings, some of them other."""
    return SETTINGS.model_copy(
        update={name: getattr(SETTINGS, name).model_copy(update=keys) for name, keys in sections.items()}
    )


SIZES = {"train_size": 400, "validation_size": 100}
IMAGES = contents_of(synthetic_digits(500, 0), synthetic_digits(50, 1))
DIGITS = [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"prepare": SIZES}, []),
        (
            {},
            ["params.yaml: prepare.train_size: found 20000 with prepare.validation_size 10000, 30000 together; the "
             "training set has 500 images; prepare.train_size: 400 fits, with prepare.validation_size: 100"],
        ),
        (
            {"prepare": {"train_size": 600, "validation": "test"}},
            ["params.yaml: prepare.train_size: found 600; the training set has 500 images; prepare.train_size: 500 "
             "fits"],
        ),
        (
            {"prepare": SIZES | {"train_size": 9}},
            ["params.yaml: prepare.train_size: found 9; among the 9 images that train class 9 (9) has none; take more "
             "of them, or shuffle your data"],
        ),
        (
            {
                "prepare": SIZES, "model": {"pool_size": 27}, "kernel_demo": {"image": 400}, "evaluate": {"image": 50},
                "error_analysis": {"right": 49, "wrong": 51},
            },
            ["params.yaml: model.pool_size: found 27; after convolution 1 images of 26x26 are left, smaller than the "
             "window", "params.yaml: kernel_demo.image: found 400; allowed are 0 to 399",
             "params.yaml: evaluate.image: found 50; allowed are 0 to 49",
             "params.yaml: error_analysis.wrong: found 51; allowed are 0 to 49"],
        ),
    ],
    ids=["all fit", "too many asked of both", "too many asked of one", "a class without images", "each is told"],
)  # fmt: skip
def test_every_setting_that_does_not_fit_the_images_is_told_at_once(changes: dict, lines: list[str]) -> None:
    assert fetch.unfit(changed(**changes), IMAGES, DIGITS) == lines


def test_the_numbers_that_are_said_to_fit_do() -> None:
    contents = contents_of(synthetic_digits(30, 0), synthetic_digits(20, 1))
    (line,) = fetch.unfit(changed(), contents, DIGITS)
    fitting = {key: int(value) for key, value in re.findall(r"prepare\.(\w+): (\d+)", line)}
    assert fetch.unfit(changed(prepare=fitting), contents, DIGITS) == []
