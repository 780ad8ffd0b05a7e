"""What the stage refuses."""

import re
from pathlib import Path

import pytest
from support.clones import Clone
from support.synthetic import cut, synthetic_digits, write_idx

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
