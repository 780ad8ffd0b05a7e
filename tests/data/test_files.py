import errno
import math
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.clones import PROJECT

from pipeline.data import files

ARRAY = np.arange(12.0).reshape(3, 4)
FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from pipeline.data import files
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
big = np.random.default_rng(0).random(100_000)
try:
    {call}
except OSError as error:
    print(error.errno, error.filename)
"""


def write_half(path: Path, interruption: type[BaseException]) -> None:
    with files.atomic_write(path) as file:
        file.write(b"new" * 100_000)
        file.flush()
        raise interruption


@pytest.mark.parametrize("interruption", [ValueError, OSError, KeyboardInterrupt])
def test_a_write_that_fails_in_the_middle_leaves_the_old_file_and_no_other(
    tmp_path: Path, interruption: type[BaseException]
):
    path = tmp_path / "result"
    path.write_bytes(b"old")
    with pytest.raises(interruption):
        write_half(path, interruption)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    "call",
    [
        "files.write_bytes(Path('result'), big.tobytes())",
        "files.write_array(Path('result'), big)",
        "files.write_arrays(Path('result'), big=big)",
    ],
)
def test_a_full_disk_is_told_by_number_and_path_and_leaves_the_old_file_alone(tmp_path: Path, call: str):
    path = tmp_path / "result"
    path.write_bytes(b"old")
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(call=call)],
        cwd=tmp_path, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (result.stdout.strip(), result.stderr) == (f"{errno.EFBIG} result", "")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_folder_where_the_file_should_go_is_named(tmp_path: Path):
    path = tmp_path / "result"
    path.mkdir()
    with pytest.raises(IsADirectoryError) as refused:
        files.write_text(path, "new")
    assert refused.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "array",
    [ARRAY, ARRAY.T, ARRAY[::2, 1:], ARRAY[:0], ARRAY[0, 0], np.float32(ARRAY), np.array(["7", "zero"])],
    ids=["C", "Fortran", "strided", "empty", "scalar", "float32", "text"],
)
def test_an_array_comes_back_from_disk_however_it_lay_in_memory(tmp_path: Path, array: np.ndarray):
    files.write_array(tmp_path / "array.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "array.npy"), array, strict=True)


@pytest.mark.parametrize("write", [files.write_array, lambda path, array: files.write_arrays(path, array=array)])
def test_python_objects_are_not_written_as_an_array(tmp_path: Path, write: Callable[[Path, np.ndarray], None]):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write(tmp_path / "array", np.array([None, {}]))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "write",
    [
        lambda path: files.write_array(path, ARRAY),
        lambda path: files.write_arrays(path, one=ARRAY, two=ARRAY[0]),
        lambda path: files.write_json(path, {"b": 0.1, "a": [None, "ä"]}),
    ],
    ids=["npy", "npz", "json"],
)
def test_the_same_content_gives_the_same_bytes_under_any_name(tmp_path: Path, write: Callable[[Path], None]):
    places = [tmp_path / "one", tmp_path / "deep/down/two"]
    for place in places:
        write(place)
    assert places[0].read_bytes() == places[1].read_bytes()


def test_an_npz_holds_its_arrays_without_the_time_of_writing(tmp_path: Path):
    path = tmp_path / "arrays.npz"
    files.write_arrays(path, one=ARRAY, two=ARRAY[0])
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["one"], ARRAY)
        np.testing.assert_array_equal(arrays["two"], ARRAY[0])
    with zipfile.ZipFile(path) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_json_comes_back_with_its_keys_in_order(tmp_path: Path):
    content: dict[str, Any] = {"b": 0.1, "a": [None, True, "ä"], "c": {"10": 1, "9": 2}}
    files.write_json(tmp_path / "deep/down.json", content)
    read = files.read_json(tmp_path / "deep/down.json")
    assert read == content
    assert list(read) == ["b", "a", "c"]


def test_what_is_no_number_never_reaches_a_json_file(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "metrics.json", {"loss": math.nan})
    assert not any(tmp_path.iterdir())
