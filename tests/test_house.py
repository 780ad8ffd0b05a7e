"""Where every line lives: one name a stage, arrows only downwards, what DVC is told, and what a stage loads."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.clones import PROJECT

DVC = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
STAGES = list(DVC["stages"])
MODULES = {
    ".".join(path.relative_to(PROJECT).with_suffix("").parts): path
    for path in sorted((PROJECT / "pipeline").rglob("*.py"))
    if path.name != "__init__.py"
}
FOLDERS = {path.parent.name for path in MODULES.values()} - {"pipeline"}

# the folders whose modules those of a folder may import, its own aside
MAY_IMPORT: dict[str, set[str]] = {
    "config": set(),
    "metrics": set(),
    "page": set(),
    "data": {"config"},
    "figures": {"data"},
    "network": {"config", "data"},
    "sources": {"config", "data"},
    "studies": {"config", "data", "network", "metrics", "figures", "page"},
    "tracking": {"config", "data"},
    "commands": FOLDERS,
    "pipeline": FOLDERS,  # the stages
}


def imports(module: str) -> set[str]:
    """The modules of the package that a module names in its imports."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "pipeline":
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)} & MODULES.keys()
    return found


def needed(module: str) -> set[str]:
    """A module, and all that its imports import."""
    found: set[str] = set()
    todo = {module}
    while todo:
        found |= todo
        todo = {name for one in todo for name in imports(one)} - found
    return found


def folder_of(module: str) -> str:
    return module.split(".")[-2]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_folders_below_it(module: str) -> None:
    home = folder_of(module)
    others = {name: folder_of(name) for name in imports(module) if folder_of(name) != home}
    assert others == {name: folder for name, folder in others.items() if folder in MAY_IMPORT[home]}


def test_what_stands_among_the_stages_is_a_stage_and_every_stage_stands_there() -> None:
    assert {name.split(".")[1] for name in MODULES if folder_of(name) == "pipeline"} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_name_everywhere(stage: str) -> None:
    entry = DVC["stages"][stage]
    assert entry["cmd"] == f"python -m pipeline.{stage}"
    assert entry["deps"][0] == f"pipeline/{stage}.py"
    results = [
        path
        for path in results_of(stage)
        if path.startswith("figures/") or (path.startswith("metrics/") and path.endswith(".json"))
    ]
    own = {f"figures/{stage}", f"metrics/{stage}.json"}
    assert set(results) <= own


def test_the_tests_mirror_the_package() -> None:
    tests = {path.relative_to(PROJECT / "tests") for path in (PROJECT / "tests").rglob("test_*.py")}
    mirrored = {
        path.relative_to(PROJECT / "pipeline").with_name(f"test_{path.name}"): name for name, path in MODULES.items()
    }
    assert {path for path in tests if path.parent != Path()} <= mirrored.keys()
    missing = sorted(f"tests/{path}" for path in mirrored if path.parent == Path() and path not in tests)
    assert not missing, f"a stage has a test of its own; write {', '.join(missing)}"


def results_of(stage: str) -> list[str]:
    entry = DVC["stages"][stage]
    results = [*entry.get("outs", []), *entry.get("metrics", [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in results]


def covers(dep: str, module: str) -> bool:
    """Whether a dep of dvc.yaml is a module or a folder above it."""
    path = MODULES[module].relative_to(PROJECT)
    return Path(dep) in (path, *path.parents)


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_knows_the_code_that_can_change_a_stages_results(stage: str) -> None:
    deps = [dep for dep in DVC["stages"][stage]["deps"] if dep.startswith("pipeline/")]
    code = {name for name in needed(f"pipeline.{stage}") if folder_of(name) not in ("config", "tracking")}
    missing = sorted(name for name in code if not any(covers(dep, name) for dep in deps))
    lines = "\n".join(f"      - {MODULES[name].relative_to(PROJECT)}" for name in missing)
    assert not missing, f"dvc.yaml: {stage} imports more than its deps say; add these, or their folders:\n{lines}"
    rounds = bool({folder_of(name) for name in code} & {"figures", "metrics", "network"})
    assert ("pipeline/__init__.py" in deps) == rounds, "pipeline/__init__.py says how numbers are rounded"
    others = [dep for dep in deps if dep != "pipeline/__init__.py"]
    unused = [dep for dep in others if not any(covers(dep, name) for name in needed(f"pipeline.{stage}"))]
    assert not unused, f"dvc.yaml: {stage} uses nothing of {', '.join(unused)}"


def test_training_depends_on_single_files_so_that_nothing_else_makes_a_network_train_again() -> None:
    assert all(dep.endswith(".py") for dep in DVC["stages"]["train"]["deps"] if dep.startswith("pipeline/"))


def test_publish_depends_on_every_result_of_the_stages_before_it() -> None:
    """But for what is data alone: it comes by way of the results that are made of it."""
    deps = DVC["stages"]["publish"]["deps"]
    results = [path for stage in STAGES if stage != "publish" for path in results_of(stage)]
    missing = [path for path in results if path not in deps and path.split("/")[0] != "data"]
    assert not missing, f"dvc.yaml: publish; add to its deps: {', '.join(missing)}"


def test_dvcs_tables_know_the_metrics_of_every_stage() -> None:
    own = [f"metrics/{stage}.json" for stage in STAGES if f"metrics/{stage}.json" in results_of(stage)]
    missing = set(own) - set(DVC["metrics"]) - {"metrics/prepare.json"}  # which counts images and measures nothing
    assert not missing, f"dvc.yaml: metrics; add {', '.join(sorted(missing))}"
    assert set(DVC["metrics"]) <= set(own)


def test_no_two_stages_write_the_same_file_and_every_file_read_is_written_by_one() -> None:
    written = [Path(result) for stage in STAGES for result in results_of(stage)]
    assert len(written) == len(set(written))
    read = {Path(dep) for stage in STAGES for dep in DVC["stages"][stage]["deps"]}
    made = {dep for dep in read if dep.parts[0] not in ("pipeline", "params.yaml")}
    assert all(any(dep == result or result in dep.parents for result in written) for dep in made)


def test_dvc_yaml_reads_like_a_table_of_contents() -> None:
    assert len((PROJECT / "dvc.yaml").read_text().splitlines()) < 170


def test_the_first_file_of_a_folder_holds_a_sentence_and_no_code() -> None:
    for folder in FOLDERS:
        (sentence,) = ast.parse((PROJECT / f"pipeline/{folder}/__init__.py").read_text()).body
        assert isinstance(sentence, ast.Expr)


BIG = [
    *["jinja2", "keras", "matplotlib", "matplotlib.pyplot", "mlflow", "pandas", "scipy.ndimage", "scipy.signal"],
    *["scipy.stats", "sklearn", "tensorflow"],
]
LOADED: dict[str, set[str]] = {
    "fetch": set(),
    "prepare": set(),
    "kernel_demo": {"matplotlib", "pandas", "scipy.ndimage"},
    "train": {"keras", "pandas", "tensorflow"},
    "evaluate": {"keras", "pandas", "tensorflow"},
    "error_analysis": {"matplotlib", "pandas"},
    "robustness": {"keras", "matplotlib", "pandas", "scipy.ndimage", "tensorflow"},
    "visualise": {"matplotlib", "pandas", "scipy.ndimage"},
    "report": {"jinja2", "pandas"},
    "playground": {"jinja2"},
    "publish": {"mlflow", "pandas"},
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_loads_only_the_big_modules_that_its_work_needs(stage: str) -> None:
    script = f"import sys, pipeline.{stage}; print(*sorted(set(sys.modules) & set({BIG})))"
    result = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == LOADED.get(stage, set())


# the modules that may name a big one; backend alone loads TensorFlow, and only the tracking and the commands MLflow,
# but for the module that goes with a published model
NAMED: dict[str, set[str]] = {
    "pipeline.kernel_demo": {"pandas"},
    "pipeline.evaluate": {"pandas"},
    "pipeline.error_analysis": {"pandas"},
    "pipeline.robustness": {"pandas"},
    "pipeline.visualise": {"pandas"},
    "pipeline.report": {"pandas"},
    "pipeline.network.backend": {"keras", "tensorflow"},
    "pipeline.network.served": {"keras", "mlflow", "pandas"},
    "pipeline.network.training": {"pandas"},
    "pipeline.sources.photos": {"scipy"},
    "pipeline.sources.tables": {"pandas"},
    "pipeline.metrics.calibration": {"scipy"},
    "pipeline.metrics.corruptions": {"scipy"},
    "pipeline.metrics.edges": {"scipy"},
    "pipeline.metrics.movements": {"scipy"},
    "pipeline.metrics.paired": {"scipy"},
    "pipeline.metrics.statistics": {"pandas"},
    "pipeline.metrics.kernel_types": {"pandas"},
    "pipeline.metrics.kernel_worth": {"pandas"},
    "pipeline.figures.style": {"matplotlib"},
    "pipeline.figures.compare": {"matplotlib", "pandas"},
    "pipeline.figures.evidence": {"matplotlib"},
    "pipeline.figures.calibration": {"matplotlib"},
    "pipeline.figures.kernels": {"matplotlib", "pandas"},
    "pipeline.figures.network": {"matplotlib", "pandas"},
    "pipeline.figures.predictions": {"matplotlib", "pandas"},
    "pipeline.figures.robustness": {"matplotlib", "pandas"},
    "pipeline.figures.studies": {"matplotlib", "pandas"},
    "pipeline.figures.trials": {"matplotlib", "pandas"},
    "pipeline.page.page": {"jinja2"},
    "pipeline.studies.forms": {"pandas"},
    "pipeline.studies.page": {"matplotlib", "pandas"},
    "pipeline.studies.pictures": {"matplotlib", "pandas", "scipy"},
    "pipeline.studies.tables": {"pandas"},
    "pipeline.studies.intervals": {"scipy"},
    "pipeline.studies.library": {"pandas"},
    "pipeline.studies.outcome": {"pandas"},
    "pipeline.studies.results": {"pandas"},
    "pipeline.studies.references": {"scipy"},
    "pipeline.network.traced": {"pandas"},
    "pipeline.commands.study": {"pandas"},
    "pipeline.commands.compare": {"matplotlib"},
    "pipeline.tracking.client": {"mlflow"},
    "pipeline.tracking.delivery": {"mlflow"},
    "pipeline.tracking.experiment": {"pandas"},
    "pipeline.tracking.mlflow_model": {"mlflow"},
    "pipeline.tracking.publication": {"mlflow"},
    "pipeline.tracking.recorded": {"pandas"},
    "pipeline.tracking.sides": {"mlflow"},
    "pipeline.tracking.registry": {"mlflow"},
    "pipeline.tracking.single": {"mlflow"},
    "pipeline.tracking.studies": {"pandas"},
    "pipeline.tracking.view": {"mlflow"},
    "pipeline.tracking.study_runs": {"mlflow"},
    "pipeline.tracking.trial_runs": {"mlflow"},
    "pipeline.commands.promote": {"mlflow"},
    "pipeline.commands.serve": {"mlflow"},
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_names_only_the_big_modules_that_the_table_says(module: str) -> None:
    source = MODULES[module].read_text()
    named = re.findall(r"^\s*(?:import|from) (\w+)", source, re.MULTILINE)
    assert set(named) & {name.split(".")[0] for name in BIG} == NAMED.get(module, set())


@pytest.mark.parametrize("module", ["kernels", "geometry"])
def test_what_needs_no_tensorflow_is_free_of_it(module: str) -> None:
    assert "pipeline.network.backend" not in needed(f"pipeline.network.{module}")


def test_the_readmes_tree_is_the_package() -> None:
    tree = next(part for part in (PROJECT / "README.md").read_text().split("```") if "pipeline/   " in part)
    stages = re.search(r"^  ((?:\w+\.py ?)+)$", tree, re.MULTILINE)
    assert stages
    assert stages[1].split() == [f"{stage}.py" for stage in STAGES]
    folders = dict(re.findall(r"^  (\w+)/ +([\w\s]+?):", tree, re.MULTILINE))
    assert folders.keys() == FOLDERS
    for folder, modules in folders.items():
        assert set(modules.split()) == {name.split(".")[-1] for name in MODULES if folder_of(name) == folder}
    at_the_top = re.findall(r"^([\w./]+(?: [\w.]+/)*)", tree, re.MULTILINE)
    assert all((PROJECT / name).exists() for names in at_the_top for name in names.split() if name not in MADE)


MADE = {"data/", "models/", "metrics/", "figures/", "report/index.html"}
