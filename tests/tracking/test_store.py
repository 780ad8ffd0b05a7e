import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.clones import PROJECT, Clone, complete_rows

from pipeline.config.errors import UserError
from pipeline.tracking import store


def test_a_tracking_uri_in_the_env_file_is_used_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert store.uri() == f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / ".env").write_text("MLFLOW_TRACKING_URI=http://127.0.0.1:7777\n")
    assert store.uri() == "http://127.0.0.1:7777"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:8888")
    assert store.uri() == "http://127.0.0.1:8888"


@pytest.mark.parametrize(
    ("address", "path", "own"),
    [
        ("sqlite:///mlflow.db", "project/mlflow.db", True),
        ("sqlite:///./mlflow.db", "project/mlflow.db", True),
        ("sqlite:///../project/mlflow.db", "project/mlflow.db", True),
        ("sqlite:///runs/all.db", "project/runs/all.db", False),
        ("sqlite:///../all.db", "all.db", False),
        ("sqlite:////srv/mlflow.db", "/srv/mlflow.db", False),
    ],
)
def test_a_relative_address_is_the_projects_wherever_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, path: str, own: bool
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "clone").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))  # as in a queued run
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.uri() == f"sqlite:///{tmp_path / path}"
    assert store.is_local() is own
    assert store.is_database()
    store.check_address()


@pytest.mark.parametrize(
    "address",
    ["mlruns", "./mlruns", "/srv/mlruns", "file:./mlruns", "file:///srv/mlruns", "me:s3cret@host:5000", "sqlite://",
     "sqlite:///", "sqlite:///:memory:"],
)  # fmt: skip
def test_an_address_that_is_no_lasting_store_is_told_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    shown = re.escape(address.removeprefix("me:s3cret@"))
    with pytest.raises(
        UserError, match=rf"MLFLOW_TRACKING_URI is {shown}, neither .*: unset it to use mlflow\.db"
    ) as told:
        store.check_address()
    assert "s3cret" not in str(told.value)
    assert "start it" not in str(told.value)


@pytest.mark.parametrize(("name", "taken"), [("a%2Fb", 0), ("a%41", 0), ("a?b", 0), ("100% ü#", 1), ("a@b:c", 1)])
def test_a_folder_whose_name_mlflow_reads_as_another_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, taken: bool
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / name))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with nullcontext() if taken else pytest.raises(UserError, match=r"rename the folder"):
        store.check_address()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    store.check_address()  # nothing of the store lies in the project
    assert list(tmp_path.iterdir()) == []


WRITE = """
import sys
from pipeline.tracking import client
store = client.connect()
run = store.create_run(store.get_experiment_by_name("convscope").experiment_id).info.run_id
store.log_text(run, sys.argv[1], "said.txt")
model = store.create_logged_model(store.get_run(run).info.experiment_id, name=sys.argv[1])
store.create_registered_model(sys.argv[1])
store.create_model_version(sys.argv[1], model.artifact_location, run)
"""


def write(folder: Path, text: str) -> None:
    """Write a run with an artifact, a model and a version of it into the store of a project."""
    environment = os.environ | {"DVC_ROOT": str(folder)}
    subprocess.run([sys.executable, "-c", WRITE, text], cwd=PROJECT, check=True, env=environment)


def said(folder: Path) -> set[str]:
    """What the artifacts in the store of a project say; all of them, and all other places, lie in that project."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("convscope")
    runs = client.search_runs([experiment.experiment_id])
    paths = [Path(run.info.artifact_uri, "said.txt") for run in runs]
    versions = client.search_model_versions()
    models = client.search_logged_models([experiment.experiment_id])
    places = [
        *[experiment.artifact_location, *paths, *[model.artifact_location for model in models]],
        *[version.source for version in versions],
        *[client.get_model_version_download_uri(version.name, version.version) for version in versions],
    ]
    assert all(Path(place).is_relative_to(folder) for place in places), places
    assert len(models) == len(versions) == len(runs)
    return {path.read_text() for path in paths}


@pytest.mark.slow
def test_a_renamed_projects_artifacts_go_with_it_old_ones_and_new_ones(tmp_path: Path) -> None:
    (tmp_path / "old's 100 %_").mkdir()
    write(tmp_path / "old's 100 %_", "before")
    (tmp_path / "old's 100 %_").rename(tmp_path / "new")
    write(tmp_path / "new", "after")
    assert said(tmp_path / "new") == {"before", "after"}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.slow
def test_a_copied_project_and_its_original_have_artifacts_of_their_own(tmp_path: Path) -> None:
    original, copy = tmp_path / "project", tmp_path / "project-copy"
    original.mkdir()
    write(original, "both")
    subprocess.run(["cp", "-r", original, copy], check=True)
    write(copy, "copy")
    write(original, "original")
    assert said(original) == {"both", "original"}
    assert said(copy) == {"both", "copy"}


@pytest.mark.slow
def test_an_empty_database_is_filled(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    write(tmp_path, "first")
    assert said(tmp_path) == {"first"}


@pytest.mark.slow
def test_another_database_of_the_project_keeps_its_artifacts_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    write(tmp_path, "kept")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlartifacts", "mlflow.db.lock", "runs.db"]
    assert [path.read_text() for path in tmp_path.glob("mlartifacts/convscope/*/artifacts/said.txt")] == ["kept"]


@pytest.mark.slow
def test_artifacts_that_are_kept_elsewhere_on_purpose_stay_there(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    client = MlflowClient(f"sqlite:///{tmp_path / 'old/mlflow.db'}")
    client.create_experiment("convscope", artifact_location=str(tmp_path / "disk"))
    (tmp_path / "old").rename(tmp_path / "new")
    write(tmp_path / "new", "there")
    assert len(list((tmp_path / "disk").glob("*/artifacts/said.txt"))) == 1


@pytest.mark.slow
def test_a_renamed_project_goes_on_with_its_runs_those_that_wait_too(finished: Clone, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", finished.folder, tmp_path / "before"], check=True)
    # its run waits for publish
    Clone(tmp_path / "before").run("dvc", "repro", "--force", "--single-item", "evaluate")
    clone = Clone((tmp_path / "before").rename(tmp_path / "after"))
    clone.set(error_analysis__seed=1)
    assert clone.repro() == ["evaluate", "error_analysis", "report", "publish"]
    assert list((clone.folder / ".convscope").glob("*/record.json")) == []
    assert len(complete_rows(clone)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["after"]
    client = MlflowClient(f"sqlite:///{clone.folder / 'mlflow.db'}")
    for row in client.search_runs([client.get_experiment_by_name("convscope").experiment_id]):
        assert Path(row.info.artifact_uri, "report/index.html").is_relative_to(clone.folder)
        assert Path(row.info.artifact_uri, "report/index.html").exists()
    assert len(complete_rows(finished)) == 1  # the copy wrote nothing into the original


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:s3cret@host:5000/path", "https://host:5000/path"),
        ("https://me:s3cret%2F@host", "https://host"),
        ("https://me:s3cret/@host", "https://host"),
        ("https://s3cret@host", "https://host"),
        ("postgresql://me:s3cret@host/database", "postgresql://host/database"),
        ("postgresql://host/database?user=me&password=s3cret", "postgresql://host/database"),
        ("sqlite:////folder/a@b?/mlflow.db", "sqlite:////folder/a@b?/mlflow.db"),
    ],
)
def test_an_address_is_shown_and_an_error_quoted_without_user_and_password(
    monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.name() == shown
    message = str(store.out_of_reach(ValueError(f"no answer from {address}/api\nand more"), "start it"))
    assert message.startswith(f"the MLflow store {shown} is out of reach: no answer from ")
    assert message.endswith("/api; start it")
    assert "s3cret" not in message


def test_an_error_is_quoted_by_the_line_that_says_what_happened() -> None:
    sql = "(raised as a result of Query-invoked autoflush)\n(sqlite3.OperationalError) database is locked\n[SQL: ...]"
    assert store.first_line(RuntimeError(sql)) == "(sqlite3.OperationalError) database is locked"
    full = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'"), ("c", "d", "the same")])
    assert store.first_line(full) == "[Errno 28] No space left on device: 'b'"
    assert store.first_line(ValueError()) == "ValueError"
