"""The first thing on a new machine: the environment, or one line with what is in the way and its cure."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.clones import PROJECT

STUB_PYTHON = """#!/bin/sh
case $1 in
    --version) echo "Python 3.12.0, a stub" ;;
    -m) mkdir -p "$4/bin" && cp "$STUBS/pip" "$STUBS/uv" "$4/bin" ;;
esac
"""
STUB_PIP = """#!/bin/sh
case "$1 $3" in
    "config $CONFIGURED") echo "https://mirror.example/simple" ;;
    config*) exit 1 ;;
    *) echo "PIP_USER=$PIP_USER" >>asked ;;
esac
"""
STUB_UV = """#!/bin/sh
echo "UV=$*" >>asked
echo "UV_DEFAULT_INDEX=$UV_DEFAULT_INDEX" >>asked
echo "SSL_CERT_FILE=$SSL_CERT_FILE" >>asked
echo "UV_CACHE_DIR=$UV_CACHE_DIR" >>asked
echo " + numpy==2.0"
echo "Downloading tensorflow (545.9MiB)"
exit ${UV_FAILS:-0}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with what the environment is made from, and beside it stubs of Python, pip and uv."""
    folder, stubs = tmp_path / "con vscope", tmp_path / "stubs"
    folder.mkdir()
    stubs.mkdir()
    for name in ("environment.sh", "requirements.lock"):
        shutil.copyfile(PROJECT / name, folder / name)
    for name, text in {"python": STUB_PYTHON, "pip": STUB_PIP, "uv": STUB_UV}.items():
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def make_environment(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with the stub of Python, and more arguments behind it."""
    stubs = project.parent / "stubs"
    ours = ("PIP_", "UV_", "SSL_", "GIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{stubs}{os.pathsep}{kept['PATH']}"
    command = ["bash", "environment.sh", str(stubs / "python"), *arguments]
    defaults = {"PATH": path, "STUBS": str(stubs), "CONFIGURED": "nothing"}
    return subprocess.run(command, cwd=project, env=kept | defaults | environment, capture_output=True, text=True)


def asked(project: Path) -> dict[str, str]:
    """What pip and uv were told, by variable."""
    return dict(line.split("=", 1) for line in (project / "asked").read_text().splitlines())


def test_the_size_and_what_is_loaded_are_told_and_the_list_of_packages_is_not(project: Path):
    result = make_environment(project)
    assert (result.returncode, (project / ".venv/complete").read_text()) == (0, f"{project}\n")
    assert "0.9 GB to download, 3.3 GB on disk" in result.stdout
    assert result.stderr == "Downloading tensorflow (545.9MiB)\n"
    told = asked(project)
    assert told.pop("UV").endswith(" --python .venv/bin/python --compile-bytecode --require-hashes requirements.lock")
    assert told == {"PIP_USER": "0", "UV_DEFAULT_INDEX": "", "SSL_CERT_FILE": "", "UV_CACHE_DIR": ""}


def test_the_notebooks_environment_is_made_the_same_way_in_its_own_folder_from_its_own_lock(project: Path):
    other = ("notebooks/.venv", "notebooks/requirements.lock", "little")
    result = make_environment(project, *other, HOME="/nonexistent")
    assert result.stdout.startswith("make: notebooks/.venv from notebooks/requirements.lock, with Python 3.12.0")
    assert result.stdout.endswith(": little\n")
    assert (project / "notebooks/.venv/complete").read_text() == f"{project}\n"
    assert asked(project)["UV"].endswith(
        " --python notebooks/.venv/bin/python --compile-bytecode --require-hashes notebooks/requirements.lock"
    )
    assert asked(project)["UV_CACHE_DIR"] == f"{project}/notebooks/.venv/cache"
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("key", ["global.index-url", "install.index-url"])
def test_a_mirror_that_pip_is_configured_for_is_uvs_too(project: Path, key: str):
    make_environment(project, CONFIGURED=key)
    assert asked(project)["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


def test_what_the_environment_says_of_an_index_goes_before_pips_configuration_and_uvs_own_before_both(project: Path):
    make_environment(project, CONFIGURED="global.index-url", PIP_INDEX_URL="https://other.example")
    assert asked(project)["UV_DEFAULT_INDEX"] == "https://other.example"
    make_environment(project, PIP_INDEX_URL="https://other.example", UV_DEFAULT_INDEX="https://third.example")
    assert asked(project)["UV_DEFAULT_INDEX"] == "https://third.example"


def test_pips_certificates_are_uvs_too_and_a_home_that_cannot_be_written_is_not_asked_for(project: Path):
    make_environment(project, PIP_CERT="/etc/own.pem", HOME="/nonexistent")
    assert asked(project)["SSL_CERT_FILE"] == "/etc/own.pem"
    assert asked(project)["UV_CACHE_DIR"] == f"{project}/.venv/cache"


def test_an_install_that_fails_leaves_no_environment_that_looks_complete(project: Path):
    result = make_environment(project, UV_FAILS="2")
    assert result.returncode != 0
    assert not (project / ".venv/complete").exists()


def stopped(project: Path, **environment: str) -> str:
    """The one line of a script that stops before it makes anything."""
    result = make_environment(project, **environment)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, "", 1), result.stderr
    assert not (project / ".venv").exists()
    return result.stderr


def test_a_source_archive_without_git_is_told_the_cure_first_thing(project: Path):
    shutil.rmtree(project / ".git")
    said = stopped(project, GIT_CEILING_DIRECTORIES=str(project.parent))
    assert "git init && git add --all && git commit" in said


def test_a_folder_of_another_user_is_told_the_line_that_makes_git_trust_it(project: Path):
    said = stopped(project, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")  # git's own switch for its tests
    assert f"git config --global --add safe.directory '{project}'" in said
    trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(project)}
    assert make_environment(project, GIT_TEST_ASSUME_DIFFERENT_OWNER="1", **trust).returncode == 0


def test_a_mac_with_an_intel_processor_is_told_that_tensorflow_has_no_package_for_it(project: Path):
    stub = project.parent / "stubs/uname"
    stub.write_text('#!/bin/sh\n[ "$1" = -s ] && echo Darwin || echo x86_64\n')
    stub.chmod(0o755)
    assert "Intel" in stopped(project)


def test_a_python_that_is_too_old_is_passed_over_and_none_at_all_is_told(project: Path):
    stubs = project.parent / "stubs"
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        (stubs / name).write_text("#!/bin/sh\nexit 1\n")
        (stubs / name).chmod(0o755)
    assert "make PYTHON=/path/to/python3" in stopped(project)
    (stubs / "python3.12").write_text(STUB_PYTHON)
    assert make_environment(project).returncode == 0


def test_a_shallow_clone_is_told_the_cure_before_queued_experiments_are_lost(tmp_path: Path):
    folder = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", PROJECT.as_uri(), folder], check=True)
    (folder / ".venv").mkdir()
    (folder / ".venv/complete").write_text(f"{folder}\n")
    result = subprocess.run(["make", "queue"], cwd=folder, capture_output=True, text=True)
    assert result.returncode != 0
    assert "git fetch --unshallow" in result.stderr
