import gzip
import io
import os
import pickle
import re
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.synthetic import contents_of, cut, flip, synthetic_digits, write_gz, write_idx, write_npz, write_zip

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.data.prepared import Split
from pipeline.sources import reader

TRAIN, TEST = synthetic_digits(30, 0), synthetic_digits(20, 1)
CONTENTS = contents_of(TRAIN, TEST)
IMAGES = idx.TRAIN_IMAGES
NO_ARCHIVE = f"neither a folder, a zip, a tar nor one of {IMAGES}"

Form = Callable[[Path, Split, Split], object]


def read(place: Path) -> dict[str, bytes]:
    """The IDX files that lie in a place."""
    return {name: idx.encode(array) for name, array in reader.read(place).arrays.items()}


class Python2Pickler(pickle._Pickler):
    """Pickles as Python 2 did: names and array bytes as byte strings."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_byte_string(self, content: str | bytes) -> None:
        raw = content.encode("latin1") if isinstance(content, str) else content
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(content)

    dispatch[str] = dispatch[bytes] = save_byte_string


def python2_pickle(content: Any) -> bytes:
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def theano_pickle() -> bytes:
    """Pairs of images float32 k/256 (n, 784) and labels int64, as in mnist.pkl: two make up the training set."""
    parts = [(TRAIN.images[:25], TRAIN.labels[:25]), (TRAIN.images[25:], TRAIN.labels[25:]), (TEST.images, TEST.labels)]
    pairs = [(images.reshape(-1, 784).astype(np.float32) / 256, labels.astype(np.int64)) for images, labels in parts]
    return python2_pickle(tuple(pairs))


def zip_by_lzma(place: Path, train: Split, test: Split) -> None:
    write_zip(place, train, test, zipfile.ZIP_LZMA)


def npm_pack(place: Path, *_: Split) -> None:
    with tarfile.open(place, "w:gz") as archive:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(f"package/data/{name}.gz")
            compressed = gzip.compress(content)
            member.size = len(compressed)
            archive.addfile(member, io.BytesIO(compressed))


def pickle_gz(place: Path, *_: Split) -> None:
    place.mkdir()
    (place / "mnist.pkl.gz").write_bytes(gzip.compress(theano_pickle()))


def wheel(place: Path, *_: Split) -> None:
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", gzip.compress(theano_pickle()))
        archive.writestr("mnist-0.1.dist-info/METADATA", "Name: mnist")


@pytest.mark.parametrize("form", [write_idx, write_gz, write_zip, npm_pack, write_npz, pickle_gz, wheel])
def test_every_form_gives_the_same_bytes(tmp_path: Path, form: Form):
    form(tmp_path / "data", TRAIN, TEST)
    assert read(tmp_path / "data") == CONTENTS


@pytest.mark.parametrize("name", [IMAGES, f"{IMAGES}.gz"])
def test_a_file_alone_is_read_as_one_in_a_folder(tmp_path: Path, name: str):
    (write_gz if name.endswith(".gz") else write_idx)(tmp_path / "data", TRAIN, TEST)
    assert read(tmp_path / "data" / name) == {IMAGES: CONTENTS[IMAGES]}


@pytest.mark.parametrize("kind", [np.int64, np.uint16, ">i4"])
def test_whole_numbers_of_any_type_and_a_last_axis_of_length_one_make_the_same_bytes(tmp_path: Path, kind: Any):
    arrays = {"x_train": TRAIN.images[..., None], "y_train": TRAIN.labels[:, None], "x_test": TEST.images}
    np.savez(tmp_path / "own.npz", **{name: array.astype(kind) for name, array in arrays.items()}, y_test=TEST.labels)
    assert read(tmp_path / "own.npz") == CONTENTS


def with_value(value: float) -> NDArray[Any]:
    """Images of which one pixel has the value."""
    images = TRAIN.images.astype(type(value))
    images[3, 4, 5] = value
    return images


def colour(*shape: int) -> NDArray[Any]:
    """Images with three channels that differ."""
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "x_train",
            colour(5, 9, 8),
            "found uint8 of shape 5x9x8x3; needed are grey images: .*colour.* fetch.grey: true",
        ),
        ("x_test", np.zeros((5, 72), np.uint8), "found uint8 of shape 5x72; needed are grey images: count, height, w"),
        (
            "x_test",
            TRAIN.images / 255,
            "found float64 of shape 30x28x28, with fractions; needed are .* fetch.scale: 1 ",
        ),
        ("x_train", with_value(np.nan), "found float64 of shape 30x28x28 with NaN; needed are numbers"),
        ("x_train", TRAIN.images.astype(str), "found <U3 of shape 30x28x28; needed are whole numbers from 0 to 255"),
        (
            "x_train",
            with_value(256),
            r"found 256 at \[3, 4, 5\]; allowed are 0 to 255; fetch.scale: 256 takes 0 to 256",
        ),
        ("x_train", with_value(-1), r"found -1 at \[3, 4, 5\]; allowed are 0 to 255"),
        ("y_test", np.array([0, 1, 300]), r"found 300 at \[2\]; allowed are 0 to 255"),
        ("y_train", np.ones((9, 3), np.uint8), "found uint8 of shape 9x3; needed are labels, one number an image"),
        (
            "y_train",
            np.array([0.0, 1.5]),
            "found float64 of shape 2, with fractions; needed are whole numbers from 0 to",
        ),
    ],
)
def test_an_array_that_is_not_of_bytes_is_refused_with_what_it_is_and_what_is_needed(
    tmp_path: Path, name: str, array: NDArray[Any], message: str
):
    place = tmp_path / "own.npz"
    np.savez(place, **{name: array})
    with pytest.raises(UserError, match=rf"^{re.escape(str(place))}: {name}\.npy: {message}") as refused:
        read(place)
    assert "\n" not in str(refused.value)


def test_objects_in_an_npz_are_not_unpickled(tmp_path: Path):
    np.savez(tmp_path / "own.npz", x_train=np.array([None, {}]))
    with pytest.raises(UserError, match=r"own\.npz: x_train\.npy: found Python objects; needed are numbers or strings"):
        read(tmp_path / "own.npz")


def to_text(path: Path) -> None:
    path.write_text("no archive at all")


def to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def encrypt(path: Path) -> None:
    flip(path, path.read_bytes().index(b"PK\x01\x02") + 8, bits=1)  # a flag in the central directory


def compress_by_a_method_unheard_of(path: Path) -> None:
    flip(path, path.read_bytes().index(b"PK\x01\x02") + 10)


@pytest.mark.parametrize(
    ("form", "part", "damage", "message"),
    [
        (write_idx, "", shutil.rmtree, "not found$"),
        (write_gz, f"{IMAGES}.gz", cut, f"{IMAGES}.gz is not readable: "),
        (write_gz, f"{IMAGES}.gz", flip, f"{IMAGES}.gz is not readable: "),
        (write_zip, "", cut, NO_ARCHIVE),
        (write_zip, "", to_text, NO_ARCHIVE),
        (write_zip, "", to_nothing, NO_ARCHIVE),
        (write_npz, "", cut, NO_ARCHIVE),
        (write_zip, "", flip, f"data/{IMAGES} is not readable: "),
        (write_npz, "", flip, r"x_train\.npy is not readable: "),
        (write_zip, "", encrypt, f"data/{IMAGES} is not readable: "),
        (write_zip, "", compress_by_a_method_unheard_of, f"data/{IMAGES}: compressed by method 247 of zip; "),
        (zip_by_lzma, "", Path.touch, f"data/{IMAGES}: compressed by method 14 of zip; allowed is deflate"),
        (npm_pack, "", cut, ""),
    ],
)
def test_damage_is_refused_in_one_line_by_the_name_of_the_file(
    tmp_path: Path, form: Form, part: str, damage: Callable[[Path], None], message: str
):
    place = tmp_path / "data"
    form(place, TRAIN, TEST)
    damage(place / part)
    with pytest.raises(UserError, match=f"^{re.escape(str(place))}: {message}") as refused:
        read(place)
    assert "\n" not in str(refused.value)


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize("form", [write_zip, npm_pack, write_npz])
def test_a_flipped_bit_is_refused_or_loses_a_file_and_changes_none(
    tmp_path_factory: pytest.TempPathFactory, form: Form, position: float, bit: int
):
    place = tmp_path_factory.mktemp("damaged") / "data"
    form(place, TRAIN, TEST)
    flip(place, int(position * place.stat().st_size), 1 << bit)
    try:
        assert read(place).items() <= CONTENTS.items()
    except UserError as error:
        refusal = str(error)
    else:
        refusal = f"{place}: "
    assert refusal.startswith(f"{place}: ")


IMAGE, LABEL = np.zeros((1, 784), np.float32), np.zeros(1, np.int64)


@pytest.mark.parametrize("content", [{}, [(IMAGE, LABEL)] * 2, [(IMAGE, [0])] * 3])
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: Any):
    (tmp_path / "mnist.pkl").write_bytes(python2_pickle(content))
    with pytest.raises(UserError, match=r"mnist\.pkl is not readable: "):
        read(tmp_path)


class Armed:
    """Does something when unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    ("weapon", "name"),
    [(lambda mark: Armed(os.system, f"touch {mark}"), "system"), (lambda mark: Armed(np.save, str(mark), 0), "save")],
)
def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path, weapon: Callable[[Path], Armed], name: str):
    mark = tmp_path / "ran.npy"
    payload = pickle.dumps(weapon(mark), protocol=2)
    pickle.loads(payload)
    assert mark.exists(), "the weapon is not loaded"
    mark.unlink()
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(payload))
    with pytest.raises(UserError, match=rf"mnist\.pkl\.gz is not readable: the pickle asks for \w+\.{name};"):
        read(tmp_path)
    assert not mark.exists()
