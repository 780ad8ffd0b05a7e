"""The presets, as `dvc exp run` takes them."""

import subprocess
from pathlib import Path

import pytest
from support.clones import ARTICLE_YAML, PROJECT, Clone, copy_of

from pipeline.config import params

PRESETS = sorted(path.name for path in (PROJECT / "presets").iterdir())
ARTICLE = {
    **{"prepare.train_size": 20_000, "prepare.validation": "test"},
    **{"model.filters": [32], "model.kernel_size": 3, "model.padding": "valid", "model.activation": "relu"},
    **{"model.pooling": "max", "model.pool_size": 2, "model.pool_after": None, "model.dense": []},
    **{"model.dropout": 0.25, "model.dense_dropout": 0.5},
    **{"train.epochs": 6, "train.batch_size": 128, "train.optimizer": "adam", "train.learning_rate": 0.001},
}  # fmt: skip
OFF = {
    **{"model.batch_normalization": False, "model.kernel_init": "glorot_uniform", "model.freeze_kernels": False},
    **{"model.l1": 0, "model.l2": 0, "model.augment_shift": 0, "model.augment_rotation": 0},
    **{"train.schedule": "constant", "train.early_stopping": None, "train.label_smoothing": 0},
    "train.class_weights": False,
}
FULL = {"prepare.train_size": "all", "prepare.validation": "holdout"}
EXPECTED = {
    "article": ARTICLE | OFF,
    "deeper": ARTICLE
    | OFF
    | FULL
    | {"model.filters": [32, 64], "model.dense": [128]}
    | {"train.epochs": 12, "train.schedule": "cosine"},
    "best": FULL,
    "fast": FULL | {"train.epochs": 2},
    "tiny": FULL | {"model.filters": [12, 16, 28]},
}


def test_every_preset_has_its_expectation_here():
    assert set(PRESETS) == set(EXPECTED)


def test_a_checkout_with_the_line_ends_of_windows_leaves_presets_and_scripts_as_they_are(tmp_path: Path):
    command = ["git", "clone", "--quiet", "--config", "core.autocrlf=true", PROJECT, tmp_path / "convscope"]
    subprocess.run(command, check=True)
    for name in ("presets/fast", "environment.sh", "Makefile", "params.yaml"):
        assert b"\r" not in (tmp_path / "convscope" / name).read_bytes()


@pytest.mark.parametrize("path", ["/a b/own (1).npz", "/a=b,c/[1]{2}.zip", "/Bilder/größe#1~.npz"])
def test_the_quotes_of_the_readme_bring_any_path_through_dvcs_grammar(tmp_path: Path, path: str):
    from dvc.utils.hydra import apply_overrides  # takes a second to load

    (tmp_path / "params.yaml").write_text(ARTICLE_YAML.read_text())
    apply_overrides(tmp_path / "params.yaml", [f"fetch.dataset='{path}'", "model.filters=[32,64]"])
    settings = params.load(tmp_path / "params.yaml")
    assert (settings.fetch.dataset, settings.model.filters) == (path, (32, 64))


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_taken_in_one_line_and_gives_the_settings_it_is_named_for(
    finished: Clone, tmp_path: Path, preset: str
):
    clone = copy_of(finished, tmp_path / "convscope")
    (clone.folder / "params.yaml").write_text(ARTICLE_YAML.read_text())
    dataset = params.load(finished.folder / "params.yaml").fetch.dataset
    clone.run("sh", "-c", f"xargs dvc exp run fetch -S fetch.dataset={dataset} <presets/{preset}")
    settings = params.flat(params.load(clone.folder / "params.yaml"))
    assert EXPECTED[preset].items() <= settings.items()
