"""The whole pipeline, through the real `dvc`, on the synthetic data set."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.models import Model
from support.browser import needs_browser, opened
from support.clones import ARTICLE_YAML, PROJECT, Clone, commit, complete_rows, copy_of

from pipeline.data import files

COMMITTED = yaml.safe_load(ARTICLE_YAML.read_text())
DVC = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
STAGES = list(DVC["stages"])


@pytest.fixture(scope="module")
def workbench(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A finished clone with its complete run; the tests of this file change it and put it back."""
    clone = copy_of(finished, tmp_path_factory.mktemp("workbench") / "convscope")
    clone.run("python", "-m", "pipeline.publish")
    return clone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "stage", "message"),
    [
        ({"train__epoch": 3}, "train", "train.epoch: unknown key; did you mean train.epochs?"),
        ({"train__learning_rate": "fast"}, "train", 'train.learning_rate: found "fast"'),
        ({"prepare__train_size": 70000}, "prepare", "prepare.train_size: found 70000"),
        ({"fetch__dataset": "mnits"}, "fetch", "fetch.dataset: found mnits; allowed are mnist, fashion_mnist"),
        ({"model__pool_size": 27}, "train", "model.pool_size: found 27; after convolution 1 images of 26x26 are left"),
        ({"visualise__filter": 99}, "train", "visualise.filter: found 99; allowed are 0 to 31"),
        ({"kernel_demo__image": 400}, "kernel_demo", "kernel_demo.image: found 400; allowed are 0 to 399"),
    ],
)  # fmt: skip
def test_a_mistake_in_params_yaml_stops_the_stage_with_one_line(
    workbench: Clone, change: dict[str, object], stage: str, message: str
) -> None:
    before = (workbench.folder / "params.yaml").read_text()
    workbench.set(**change)
    try:
        result = workbench.run(sys.executable, "-m", f"pipeline.{stage}", check=False)
    finally:
        (workbench.folder / "params.yaml").write_text(before)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


WATCHED = """
import importlib, json, sys
from contextlib import contextmanager
from pipeline.config.sections import Params, Section
from pipeline.tracking import stage

sections = {field.annotation: name for name, field in Params.model_fields.items()}
read, plain, tracked = set(), Section.__getattribute__, stage.stage_run

def watched(self, name):
    if type(self) in sections and name in type(self).model_fields:
        read.add(f"{sections[type(self)]}.{name}")
    return plain(self, name)

@contextmanager
def stage_run(*arguments):
    with tracked(*arguments) as run:
        Section.__getattribute__ = watched
        yield run
        Section.__getattribute__ = plain

stage.stage_run = stage_run
# what fetch says of the settings of later stages changes nothing that it makes
importlib.import_module("pipeline.fetch").unfit = lambda *_: []
importlib.import_module(f"pipeline.{sys.argv[1]}").main()
print(json.dumps(sorted(read)))
"""
# settings with which a stage reads what it does not with the committed ones
OTHERWISE = {
    "fetch": [{"fetch__dataset": "mnist"}],
    "train": [{"train__optimizer": "sgd"}, {"train__optimizer": "adamw"}],
    "evaluate": [{"evaluate__folds": 2, "train__optimizer": name} for name in ("adam", "sgd", "adamw")],
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", [stage for stage in STAGES if "params" in DVC["stages"][stage]])
def test_the_settings_that_a_stage_reads_key_by_key_are_those_it_declares(
    finished: Clone, tmp_path: Path, mnist: Path, stage: str
) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    clone.set(fetch__source=str(mnist))
    read: set[str] = set()
    for changes in [{}, *OTHERWISE.get(stage, [])]:
        clone.set(**changes)
        read |= set(json.loads(clone.run("python", "-c", WATCHED, stage).stdout.splitlines()[-1]))
    declared = {
        f"{section}.{key}"
        for section, keys in COMMITTED.items()
        for key in keys
        if {section, f"{section}.{key}"} & set(DVC["stages"][stage]["params"])
    }
    assert read == declared


@pytest.mark.slow
def test_a_section_that_no_stage_knows_fails_repro(workbench: Clone) -> None:
    before = (workbench.folder / "params.yaml").read_text()
    (workbench.folder / "params.yaml").write_text(before + "trian:\n  epochs: 3\n")
    result = workbench.run("dvc", "repro", check=False)
    (workbench.folder / "params.yaml").write_text(before)
    assert result.returncode != 0
    assert "params.yaml: trian: unknown key; did you mean train?" in result.stderr
    workbench.repro()


@pytest.mark.slow
def test_a_second_repro_runs_nothing(workbench: Clone) -> None:
    assert workbench.repro() == []
    assert workbench.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


@pytest.mark.slow
def test_forcing_every_stage_changes_neither_the_lock_file_nor_the_complete_runs(workbench: Clone) -> None:
    lock, rows = workbench.lock(), complete_rows(workbench)
    assert workbench.repro("--force") == STAGES
    assert workbench.lock() == lock
    assert complete_rows(workbench) == rows


KERAS_JSON = '{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1, "backend": "tensorflow"}'
MATPLOTLIBRC = "figure.dpi: 40\naxes.facecolor: red\nfont.family: serif\naxes.prop_cycle: cycler('color', ['red'])\n"
ENVIRONMENTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "one core": (["taskset", "-c", "0"], {}),
    "threads, instructions and configurations of its own": (
        [],
        {
            **{"TF_NUM_INTRAOP_THREADS": "8", "TF_NUM_INTEROP_THREADS": "5", "OMP_NUM_THREADS": "7"},
            **{"OPENBLAS_NUM_THREADS": "4", "MKL_NUM_THREADS": "3"},
            **{"TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_MAX_CPU_ISA": "SSE41", "TF_XLA_FLAGS": "--tf_xla_auto_jit=2"},
            **{"ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "NPY_DISABLE_CPU_FEATURES": "X86_V3"},
            **{"KERAS_HOME": "{folder}", "MATPLOTLIBRC": "{folder}/matplotlibrc", "MPLBACKEND": "svg"},
        },
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_bytes_are_the_same_whatever_the_environment_says(
    finished: Clone, make_clone: Callable[[], Clone], tmp_path: Path, environment: str
) -> None:
    (tmp_path / "keras.json").write_text(KERAS_JSON)
    (tmp_path / "matplotlibrc").write_text(MATPLOTLIBRC)
    prefix, variables = ENVIRONMENTS[environment]
    clone = make_clone()
    clone.run(*prefix, "dvc", "repro", **{name: value.format(folder=tmp_path) for name, value in variables.items()})
    assert yaml.safe_load(clone.lock()) == yaml.safe_load(finished.lock())


def table_of_reruns() -> list[tuple[str, list[str]]]:
    """The README's table: a setting, and the stages that run again when it changes."""
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.*?) \|$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    return [(key, stages.split(", ")) for key, stages in rows]


CHANGES = {
    "prepare.train_size": 380,
    "kernel_demo.seed": 1,
    "model.dropout": 0.3,
    "error_analysis.seed": 1,
    "evaluate.seed": 1,
    "visualise.filter": 1,
}


@pytest.mark.slow
def test_a_changed_setting_runs_again_what_the_readme_says(workbench: Clone) -> None:
    before = (workbench.folder / "params.yaml").read_text()
    executed = []
    for key, _ in table_of_reruns():  # one after another: going back each time would take as long again
        workbench.set(**{key.replace(".", "__"): CHANGES[key]})
        executed.append((key, workbench.repro()))
    (workbench.folder / "params.yaml").write_text(before)
    workbench.repro()
    assert executed == table_of_reruns()


@pytest.mark.slow
def test_a_pipeline_killed_in_every_stage_ends_in_the_same_bytes(
    finished: Clone, make_clone: Callable[[], Clone]
) -> None:
    clone = make_clone()
    for stage in STAGES:
        kill_in(clone, stage)
    clone.repro()
    assert clone.locked() == finished.locked()
    assert len(complete_rows(clone)) == 1


KILLS = int(os.environ.get("KILLS", "4"))  # `make test-long` tries more


@pytest.mark.slow
def test_a_pipeline_killed_at_random_moments_ends_in_the_bytes_and_rows_of_one_that_was_not(
    finished: Clone, make_clone: Callable[[], Clone]
) -> None:
    length = float((finished.folder.parent / "seconds").read_text())
    random = np.random.default_rng(0)
    clone = make_clone()
    for _ in range(KILLS):
        clone.run("python", "-m", "pipeline.commands.mend")  # as make does
        options = ["--force"] if random.random() < 0.5 else []
        process = subprocess.Popen(
            ["dvc", "repro", *options], cwd=clone.folder, env=clone.environment(), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(random.uniform(0, length))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    clone.run("python", "-m", "pipeline.commands.mend")
    clone.repro()
    clone.run("python", "-m", "pipeline.publish")
    assert clone.locked() == finished.locked()
    assert complete_rows(clone) == complete_rows(finished)


@pytest.mark.slow
def test_with_a_lock_file_of_another_machine_the_story_of_an_ablation_works_after_one_commit(
    finished: Clone, tmp_path: Path
) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    foreign = re.sub(r"(md5: )(..)(?=.*)", lambda match: f"{match[1]}{match[2][::-1]}", finished.lock().decode())
    (clone.folder / "dvc.lock").write_text(foreign)
    commit(clone, "results of another machine")
    clone.repro()
    assert clone.lock() != foreign.encode()
    clone.run("git", "-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "-am", "baseline")
    clone.run("dvc", "exp", "run", "-S", "model.dropout=0", "-S", "model.dense_dropout=0", "-n", "no-dropout")
    assert "model.dense_dropout" in clone.run("dvc", "params", "diff").stdout
    assert re.search(r"metrics/evaluate\.json +test_loss +\d\.\d+ +\d\.\d+", clone.run("dvc", "metrics", "diff").stdout)
    before = clone.lock()
    clone.run("python", "-m", "pipeline.commands.back")
    assert clone.lock() != before
    assert clone.run("git", "status", "--porcelain").stdout == ""
    assert set(clone.repro()) <= {"publish"}


def kill_in(clone: Clone, stage: str) -> None:
    """Start `dvc repro` and kill -9 it with all it started, a third of a second after it said that a stage runs."""
    process = subprocess.Popen(
        ["dvc", "repro", stage], cwd=clone.folder, env=clone.environment(), start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        assert any(line.startswith(f"Running stage '{stage}'") for line in process.stdout)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_data_of_ones_own_go_through_the_whole_pipeline_by_their_own_sizes_and_names(clone: Clone) -> None:
    random = np.random.default_rng(0)
    names = ["hoop & co", "bar", "dot"]
    arrays = {}
    for part, count in (("train", 60), ("test", 30)):
        labels = np.arange(count) % 3
        images = random.integers(0, 60, (count, 12, 20))
        for image, label in zip(images, labels, strict=True):
            image[4:8, 6 * label : 6 * label + 6] += 180
        arrays |= {f"x_{part}": images, f"y_{part}": labels}
    np.savez_compressed(clone.folder.parent / "own.npz", **arrays, class_names=names)
    clone.set(
        fetch__dataset="../own.npz", prepare__train_size="all", prepare__validation_size=15, model__filters=[4, 6],
        model__padding="same", model__pool_after=[1, 2], model__batch_normalization=True, model__dense=[8],
    )  # fmt: skip
    assert clone.repro() == STAGES
    layers = {
        row["layer"]: row["output_shape"] for row in files.read_json(clone.folder / "models/layers.json")["layers"]
    }
    assert layers["convolution_1"] == [12, 20, 4]
    assert layers["probabilities"] == [3]
    assert list(pd.read_csv(clone.folder / "metrics/classes.csv")["class"]) == names
    assert set(pd.read_csv(clone.folder / "metrics/confusion.csv")["label"]) == {"0 hoop & co", "1 bar", "2 dot"}
    page = (clone.folder / "report/index.html").read_text()
    assert "hoop &amp; co" in page
    assert "article's accuracy" not in page
    (key,) = complete_rows(clone)
    client = MlflowClient(f"sqlite:///{clone.folder / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("convscope").experiment_id], f"tags.content = '{key}'")
    assert run.data.metrics["prepare/train_images"] == 45
    place = client.get_logged_model(run.outputs.model_outputs[0].model_id).artifact_location
    model = Model.load(f"{place}/MLmodel")
    assert model.flavors["python_function"]["config"]["classes"] == names
    assert model.load_input_example(place).shape == (1, 12, 20)


@pytest.mark.slow
def test_a_network_without_a_convolution_goes_through_the_whole_pipeline_and_takes_no_figure_along(
    finished: Clone, tmp_path: Path
) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    clone.set(model__filters=[], model__dense=[16], model__freeze_kernels=True, visualise__filter=99)
    assert clone.repro() == [
        "train",
        "evaluate",
        "error_analysis",
        "robustness",
        "visualise",
        "report",
        "playground",
        "publish",
    ]
    with (
        np.load(clone.folder / "models/kernels.npz") as kernels,
        np.load(clone.folder / "data/activations.npz") as maps,
    ):
        assert list(kernels) == []
        assert list(maps) == ["image"]
    assert {path.stem for path in (clone.folder / "figures/visualise").iterdir()} == {"curves", "ridge"}
    assert len((clone.folder / "metrics/kernel_types.csv").read_text().splitlines()) == 1
    metrics = files.read_json(clone.folder / "metrics/visualise.json")
    others = {f"ridge_accuracy_{name}" for name in ("pixels", "raw_pixels", "random", "edges")}
    known = {name for name, value in metrics.items() if value is not None}
    assert known == {"dead_filters", "random_ink_kernels", *others}
    assert metrics.keys() == files.read_json(finished.folder / "metrics/visualise.json").keys()
    assert files.read_json(clone.folder / "metrics/evaluate.json")["test_accuracy"] > 0.3  # 0.1 is chance
    page = (clone.folder / "report/index.html").read_text()
    assert "No convolution and no pooling" in page
    assert "None" not in page
    assert len(complete_rows(clone)) == 1


def heads_of(table: str) -> str:
    """The line of one of DVC's tables that names its columns."""
    return next(line for line in table.splitlines() if "Experiment" in line)


@pytest.mark.slow
def test_dvcs_table_of_experiments_begins_with_the_score_on_the_test_set(workbench: Clone) -> None:
    table = workbench.run("dvc", "exp", "show").stdout
    assert heads_of(table)[:80].split()[:4] == ["Experiment", "Created", "test_loss", "test_accuracy"]
    shown = json.loads(workbench.run("dvc", "metrics", "show", "--json").stdout)
    (files_of,) = [revision["data"] for revision in shown.values()]  # of the workspace, which is as committed
    assert set(files_of) == {
        f"metrics/{stage}.json"
        for stage in ("evaluate", "train", "error_analysis", "robustness", "kernel_demo", "visualise")
    }


@pytest.mark.slow
def test_make_experiments_lists_accuracy_and_the_settings_that_differ_in_80_columns(
    finished: Clone, tmp_path: Path
) -> None:
    clone = copy_of(finished, tmp_path / "convscope")
    (clone.folder / ".venv").mkdir()
    (clone.folder / ".venv/complete").write_text(f"{clone.folder}\n")
    clone.run("dvc", "exp", "run", "--temp", "-S", "train.epochs=1", "-S", "model.dropout=0", "-n", "short")
    table = clone.run("make", "experiments").stdout
    assert heads_of(table).split() == ["Experiment", "test_accuracy", "model.dropout", "train.epochs"]
    assert "[short]" in table
    assert [line for line in table.splitlines() if len(line) > 80] == []


@pytest.mark.slow
@needs_browser
def test_dvcs_plots_draw_curves_and_matrices_with_the_network_gone(workbench: Clone) -> None:
    workbench.set(train__epochs=1)
    workbench.run("dvc", "repro", "evaluate")
    workbench.run("dvc", "plots", "diff", "HEAD", "workspace", "--out", "plots")
    workbench.run("git", "checkout", "--quiet", "params.yaml", "dvc.lock")
    workbench.run("dvc", "checkout")
    asked, broken, in_cells = [], [], "#confusion rect + text[text-anchor=middle]:not([transform])"
    with opened("about:blank", offline=True) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: broken.append(error))
        page.goto((workbench.folder / "plots/index.html").as_uri())
        titles = page.locator("h2").all_inner_texts()
        texts = {name: page.locator(f"#{name} svg text").all_text_contents() for name in titles_of_plots()}
        lines = page.locator("#loss polyline").count()
        counts = [int(text) for text in page.locator(in_cells).all_text_contents()]
    assert broken == []
    assert asked == [(workbench.folder / "plots/index.html").as_uri()]
    assert sorted(titles) == sorted(titles_of_plots().values())
    assert {"1", "2", "epoch", "mean cross-entropy", "HEAD, val_loss", "workspace, loss"} <= set(texts["loss"])
    assert "1.5" not in texts["loss"]
    assert {"share of images that are right", "HEAD, val_accuracy"} <= set(texts["accuracy"])
    assert {"true class", "predicted class", *map(str, range(10))} <= set(texts["confusion"])
    assert lines == 4
    assert sum(counts) == 2 * 200  # every test image, in either matrix


def titles_of_plots() -> dict[str, str]:
    """The titles of the plots of dvc.yaml by their names."""
    return {name: plot["title"] for entry in DVC["plots"] for name, plot in entry.items()}
