"""What people bring: names, keys, kinds and nestings, and what is to be said of them."""

import gzip
import io
import pickle
import re
import resource
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from support.clones import SETTINGS
from support.synthetic import contents_of, synthetic_digits, write_idx, write_npz, write_zip

from pipeline.config.errors import UserError
from pipeline.config.sections import Fetch
from pipeline.data import idx
from pipeline.sources import arrays, budget, datasets, pictures, raw, reader, saved

TRAIN, TEST = synthetic_digits(30, 0), synthetic_digits(20, 1)
CONTENTS = contents_of(TRAIN, TEST)
ARRAYS = dict(zip(idx.FILES, [TRAIN.images, TRAIN.labels, TEST.images, TEST.labels], strict=True))
KEYS = ("x_train", "y_train", "x_test", "y_test")
OWN = dict(zip(KEYS, ARRAYS.values(), strict=True))


def fetch(**changes: Any) -> Fetch:
    return SETTINGS.fetch.model_copy(update=changes)


def save(path: Path, **changes: Any) -> Path:
    """Write the arrays as an .npz, some of them others."""
    np.savez(path, **OWN | changes)
    return path


def assert_ours(found: reader.Found) -> None:
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)


@pytest.mark.parametrize(
    "name",
    [
        lambda file: file.replace("-idx", ".idx"),
        lambda file: file.replace("-idx", ".idx") + ".gz",
        lambda file: f"{file}/{file}",
        lambda file: f"MNIST/raw/{file}",
        lambda file: f"qmnist-{file.replace('t10k', 'test')}",
        lambda file: f"{'train' if 'train' in file else 'test'}/{file}",
    ],
    ids=["a dot", "a dot, compressed", "a folder of its name", "torchvision", "a split before it", "a folder a part"],
)
def test_the_four_files_are_found_under_all_their_names(tmp_path: Path, name: Callable[[str], str]):
    for file, content in CONTENTS.items():
        path = tmp_path / "own" / name(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    assert_ours(reader.read(tmp_path / "own"))


def test_a_file_that_lies_there_compressed_too_is_one_file(tmp_path: Path):
    place = write_idx(tmp_path / "MNIST/raw", TRAIN, TEST)
    for file in idx.FILES:
        (place / f"{file}.gz").write_bytes(gzip.compress((place / file).read_bytes()))
    assert_ours(reader.read(tmp_path / "MNIST"))


def test_emnists_images_are_turned_and_its_labels_from_1_are_shifted(tmp_path: Path):
    for file, content in CONTENTS.items():
        array = idx.decode(content, file, 3 if "images" in file else 1)
        array = array.transpose(0, 2, 1) if "images" in file else array + 1
        name = f"emnist-letters-{file.replace('t10k', 'test')}.gz"
        (tmp_path / name).write_bytes(gzip.compress(idx.encode(np.ascontiguousarray(array))))
    contents, names, notes = datasets.custom(tmp_path, fetch())
    assert contents == CONTENTS
    assert names == [str(number) for number in range(1, 11)]
    assert [note for note in notes if "on their side" in note]
    assert [note for note in notes if "count from 1 to 10" in note]


@pytest.mark.parametrize(
    "keys",
    [
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("training_data", "training_targets", "testing_data", "testing_targets"),
    ],
)
def test_the_keys_of_an_npz_may_be_any_of_the_usual_ones(tmp_path: Path, keys: tuple[str, ...]):
    np.savez(tmp_path / "own.npz", **dict(zip(keys, ARRAYS.values(), strict=True)))
    assert_ours(reader.read(tmp_path / "own.npz"))


def test_arrays_without_a_name_have_that_of_their_file(tmp_path: Path):
    for name, array in zip(("train-imgs", "train-labels", "test-imgs", "test-labels"), ARRAYS.values(), strict=True):
        np.savez(tmp_path / f"kmnist-{name}.npz", array)
    assert_ours(reader.read(tmp_path))


def test_pairs_without_a_name_are_images_and_labels(tmp_path: Path):
    np.savez(tmp_path / "train.npz", TRAIN.images, TRAIN.labels)
    np.savez(tmp_path / "test.npz", TEST.images, TEST.labels)
    assert_ours(reader.read(tmp_path))


def test_validation_images_of_its_own_join_the_training_images_and_that_is_said(tmp_path: Path):
    parts = {"train": slice(25), "val": slice(25, 30)}
    named = {f"{part}_images": TRAIN.images[rows] for part, rows in parts.items()}
    named |= {f"{part}_labels": TRAIN.labels[rows, None] for part, rows in parts.items()}
    np.savez(tmp_path / "medmnist.npz", **named, test_images=TEST.images, test_labels=TEST.labels[:, None])
    found = reader.read(tmp_path / "medmnist.npz")
    assert_ours(found)
    assert found.notes == ["its 5 validation images join the training images; prepare splits anew"]


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": TRAIN.images.astype(float)},
        {"x_train": TRAIN.images[..., None], "x_test": TEST.images[:, None]},
        {"x_train": TRAIN.images.reshape(30, 784)},
        {"x_train": np.repeat(TRAIN.images[..., None], 3, axis=3)},
        {"x_train": np.repeat(TRAIN.images[:, None], 3, axis=1)},
        {"y_train": np.eye(10)[TRAIN.labels], "y_test": np.eye(10, dtype=bool)[TEST.labels]},
        {"y_train": TRAIN.labels.astype(str), "y_test": TEST.labels.astype("S")},
        {"y_train": TRAIN.labels.astype(float)},
    ],
    ids=["floats", "channels", "rows", "grey as colour", "grey as colour first", "one-hot", "strings", "float labels"],
)
def test_kinds_that_lose_nothing_are_taken(tmp_path: Path, changes: dict[str, NDArray[Any]]):
    assert_ours(reader.read(save(tmp_path / "own.npz", **changes)))


def test_labels_that_are_words_name_the_classes_in_their_order(tmp_path: Path):
    words = np.array(["None", "NA", "01", "Füße", "eel"])
    place = save(tmp_path / "own.npz", y_train=words[TRAIN.labels % 5], y_test=words[TEST.labels % 5])
    contents, names, _ = datasets.custom(place, fetch())
    assert names == ["01", "Füße", "NA", "None", "eel"]
    labels = idx.decode(contents[idx.TRAIN_LABELS], "", 1)
    assert [names[label] for label in labels] == list(words[TRAIN.labels % 5])


@pytest.mark.parametrize(
    ("scale", "factor", "kind"), [(1, 1 / 255, np.float32), (65535, 257, np.uint16), (510, 2, np.int64)]
)
def test_a_scale_brings_values_to_those_of_bytes(tmp_path: Path, scale: float, factor: float, kind: type):
    both = {name: (OWN[name].astype(float) * factor).astype(kind) for name in ("x_train", "x_test")}
    assert_ours(reader.read(save(tmp_path / "own.npz", **both), scale=scale))


def test_black_and_white_become_0_and_255(tmp_path: Path):
    found = reader.read(save(tmp_path / "own.npz", x_train=TRAIN.images > 99))
    np.testing.assert_array_equal(found.arrays[idx.TRAIN_IMAGES], (TRAIN.images > 99) * 255)


def test_colour_becomes_grey_by_itu_r_601_where_it_may(tmp_path: Path):
    colour = np.zeros((30, 28, 28, 3), np.uint8)
    colour[..., 1] = TRAIN.images
    found = reader.read(save(tmp_path / "own.npz", x_train=colour), grey=True)
    np.testing.assert_array_equal(found.arrays[idx.TRAIN_IMAGES], np.rint(TRAIN.images * 0.587))


def notes(place: Path, **changes: Any) -> str:
    return "\n".join(datasets.custom(place, fetch(**changes))[2])


def test_dim_images_are_taken_with_a_warning_that_names_the_highest_value_and_the_setting(tmp_path: Path):
    place = save(tmp_path / "own.npz", x_train=TRAIN.images // 16, x_test=TEST.images // 16)
    assert "the highest value is 14 of 255" in notes(place)
    assert "fetch.scale: 14" in notes(place)
    assert "highest value" not in notes(place, scale=14.0)


def test_inverted_images_and_a_file_sorted_by_class_are_taken_with_a_warning(tmp_path: Path):
    order = np.argsort(TRAIN.labels, kind="stable")
    assert notes(save(tmp_path / "fine.npz")) == ""
    assert "the background is bright" in notes(save(tmp_path / "paper.npz", x_train=255 - TRAIN.images))
    sorted_by_class = save(tmp_path / "sorted.npz", x_train=TRAIN.images[order], y_train=TRAIN.labels[order])
    assert "sorted by class, and prepare takes the first: set prepare.seed" in notes(sorted_by_class)


@pytest.mark.parametrize("form", [write_idx, write_npz])
def test_two_data_sets_in_one_place_are_refused_and_named(tmp_path: Path, form: Callable[..., object]):
    (tmp_path / "own").mkdir()
    suffix = ".npz" if form is write_npz else ""
    form(tmp_path / f"own/digits{suffix}", TRAIN, TEST)
    form(tmp_path / f"own/fashion{suffix}", TEST, TRAIN)
    for place in (tmp_path / "own", Path(zipped(tmp_path / "own"))):
        with pytest.raises(
            UserError, match=r"own(\.zip)?: (fashion.* and digits|digits.* and fashion).* are of two data sets"
        ) as refused:
            reader.read(place)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("stray", [idx.TRAIN_LABELS, idx.TEST_IMAGES, idx.TEST_LABELS])
def test_a_data_set_is_not_made_whole_by_the_files_of_another(tmp_path: Path, stray: str):
    for file, content in CONTENTS.items():
        path = tmp_path / ("fashion" if file == stray else "mnist") / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"(fashion/.* and mnist/|mnist/.* and fashion/).* are of two data sets"):
        reader.read(tmp_path)


def test_images_in_another_form_that_are_not_read_are_told(tmp_path: Path):
    place = write_idx(tmp_path / "own", TRAIN, TEST)
    (place / "train.csv").write_text("label,pixel0")
    (place / "README.md").write_text("about it")
    assert reader.read(place).notes == ["IDX files or arrays are read; other images are not: train.csv (1)"]


@pytest.mark.parametrize(
    "changes", [{}, {"x_train": np.asfortranarray(TRAIN.images)}, {"y_train": TRAIN.labels.astype(str)}]
)
def test_arrays_in_blocks_are_the_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]):
    monkeypatch.setattr(saved, "BLOCK", 3000)
    assert_ours(reader.read(save(tmp_path / "own.npz", **changes)))
    late = TRAIN.images.astype(np.int16)
    late[20, 1, 2], late[29, 3, 4] = 300, 400
    with pytest.raises(UserError, match=r"found 300 at \[20, 1, 2\]; .* fetch\.scale: 400 takes 0 to 400"):
        reader.read(save(tmp_path / "own.npz", x_train=late))


def test_class_names_that_are_objects_are_refused_with_what_is_needed(tmp_path: Path):
    place = save(tmp_path / "own.npz", class_names=np.array(["dog", "cat"], object))
    with pytest.raises(
        UserError, match=r"own\.npz: class_names\.npy: found Python objects; needed are .*: save np\.arr"
    ):
        reader.read(place)


@pytest.mark.parametrize(("lines", "names"), [("0 48\n1 65\n", ["0", "A"]), ("1 65 97\n2 66 98\n", ["A", "B"])])
def test_emnists_mapping_names_its_classes(tmp_path: Path, lines: str, names: list[str]):
    place = write_idx(tmp_path / "own", TRAIN, TEST)
    (place / "emnist-balanced-mapping.txt").write_text(lines)
    assert reader.read(place).classes == names
    (place / "emnist-balanced-mapping.txt").write_text("how the classes are mapped")
    assert reader.read(place).classes is None


def test_arrays_and_tables_are_brought_to_a_size_as_pictures_are(tmp_path: Path):
    place = save(tmp_path / "own.npz")
    for name, images in ((idx.TRAIN_IMAGES, TRAIN.images), (idx.TEST_IMAGES, TEST.images)):
        found = reader.read(place, size=(14, 20)).arrays[name]
        expected = [pictures.fitted(Image.fromarray(image), (14, 20)) for image in images]
        np.testing.assert_array_equal(found, expected)


def tree(place: Path) -> Path:
    for name in ("cat", "dog"):
        (place / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(TRAIN.images[number]).save(place / name / f"{number}.png")
    return place


def test_pictures_with_a_table_of_their_names_beside_them_are_read(tmp_path: Path):
    place = tree(tmp_path / "own")
    (place / "labels.csv").write_text("file,label\ncat/0.png,cat\n")
    found = reader.read(place)
    assert found.classes == ["cat", "dog"]
    assert "pictures are read, and no table: labels.csv: 2 columns; needed are a label and" in "\n".join(found.notes)


def test_validation_images_of_another_shape_are_left_out_and_that_is_said(tmp_path: Path):
    more = {"x_val": TRAIN.images[:5, :9], "y_val": TRAIN.labels[:5]}
    found = reader.read(save(tmp_path / "own.npz", **more))
    assert_ours(found)
    assert found.notes == ["its 5 validation images are left out: they are of another shape"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mnist/x_train.npy", "mnist/x_test.npy", True),
        ("own.npz/x_train.npy", "other.npz/x_test.npy", False),
        ("kmnist-train-imgs.npz/arr_0.npy", "kmnist-test-labels.npz/arr_0.npy", True),
        ("kmnist-train-imgs.npz/arr_0.npy", "k49-test-labels.npz/arr_0.npy", False),
        (f"{idx.TRAIN_IMAGES}/{idx.TRAIN_IMAGES}", "t10k-labels.idx1-ubyte.gz", True),
        (f"emnist-letters-{idx.TRAIN_IMAGES}", "emnist-digits-test-images-idx3-ubyte", False),
    ],
)
def test_files_are_of_one_data_set_where_their_names_differ_only_in_part_and_kind(one: str, other: str, same: bool):
    assert (raw.origin(one) == raw.origin(other)) is same


def test_sixteen_bits_are_advised_their_highest_value_and_not_that_of_these_images(tmp_path: Path):
    deep = TRAIN.images.astype(np.uint16) * 200
    with pytest.raises(UserError, match=r"fetch\.scale: 65535 takes 0 to 65535"):
        reader.read(save(tmp_path / "own.npz", x_train=deep))


def test_black_images_are_told_without_a_scale_that_no_setting_takes(tmp_path: Path):
    said = notes(save(tmp_path / "own.npz", x_train=TRAIN.images * 0))
    assert "the highest value is 0 of 255" in said
    assert "fetch.scale" not in said


def zipped(folder: Path) -> str:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return str(path)


def in_tar(name: str, content: bytes, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def debian_package(content: bytes) -> bytes:
    """An `ar` archive as deb(5) describes it, with a member of an odd length before the data."""
    members = {"debian-binary": b"2.0\n!", "data.tar.xz": content}
    parts = [
        f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        for name, data in members.items()
    ]
    return b"!<arch>\n" + b"".join(parts)


def test_archives_in_archives_are_opened_debians_packages_too(tmp_path: Path):
    write_zip(tmp_path / "inner.zip", TRAIN, TEST)
    inner = (tmp_path / "inner.zip").read_bytes()
    (tmp_path / "nested.tar.gz").write_bytes(in_tar("a/inner.zip", inner, "w:gz"))
    (tmp_path / "package.deb").write_bytes(debian_package(in_tar("./usr/share/inner.zip", inner, "w:xz")))
    for name in ("nested.tar.gz", "package.deb"):
        assert_ours(reader.read(tmp_path / name))


def test_what_lies_there_is_told_where_it_is_no_data_set(tmp_path: Path):
    for name in ("birds.txt", "notes.md"):
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte not found .*; there lie birds\.txt, notes\.md$"):
        datasets.custom(tmp_path, fetch())


@pytest.mark.parametrize(("what", "limit"), [(budget.UNPACKED, 1000), (budget.KEPT, 25_000), (budget.FILES, 3)])
def test_what_is_larger_than_allowed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, limit: int):
    write_zip(tmp_path / "own.zip", TRAIN, TEST)
    monkeypatch.setitem(budget.LIMITS, what, limit)
    with pytest.raises(UserError, match=rf"own\.zip: .*[\d,]+ {what} found; allowed are [\d,]+ in one") as refused:
        reader.read(tmp_path / "own.zip")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("x_train.npy", ("train", "images")),
        ("a/MNIST.npz/Y_Test.npy", ("test", "labels")),
        ("valid_images.npy", ("validation", "images")),
        ("k49-test-labels.npz/arr_0.npy", ("test", "labels")),
        ("train.npz/arr_1.npy", ("train", "labels")),
        ("arr_0.npy", None),
        ("train.npy", None),
        ("train_test_images.npy", None),
    ],
)
def test_an_array_has_a_part_and_a_kind_by_its_name_or_none(path: str, expected: tuple[str, str] | None):
    assert arrays.role(path) == expected


def in_zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def npy(shape: tuple[int, ...], kind: str, fortran: bool) -> bytes:
    """The start of a .npy file that claims anything."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": fortran, "shape": shape})
    return buffer.getvalue() + bytes(1000)


def own_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array[:3] for name, array in OWN.items()})
    return buffer.getvalue()


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(TRAIN.images[0]).save(buffer, "PNG")
    return buffer.getvalue()


ZEROS = bytes(20_000_000)
LEAVES = {
    "own.npz": [own_npz()],
    idx.TRAIN_IMAGES: [CONTENTS[idx.TRAIN_IMAGES][:900], CONTENTS[idx.TRAIN_IMAGES], ZEROS],
    f"{idx.TEST_LABELS}.gz": [gzip.compress(CONTENTS[idx.TEST_LABELS]), gzip.compress(ZEROS)],
    "mnist.pkl": [pickle.dumps([(TEST.images.reshape(20, 784) / np.float32(256), TEST.labels)] * 3, 3), b"]" * 2000],
    "train/cat/1.png": [picture(), ZEROS],
    "train.csv": [b"label" + b",pixel" * 64 + b"\n" + (b"1" + b",0" * 64 + b"\n") * 9, b"," * 100_000, ZEROS],
    "classes.txt": [b"dog\ncat\n", ZEROS],
    "a.tar": [ZEROS, in_tar("a", b"b")],
}
LAYERS: dict[str, Callable[[str, bytes], bytes]] = {
    "zip": in_zip,
    "npz": in_zip,
    "tar": in_tar,
    "tar.gz": lambda name, content: in_tar(name, content, "w:gz"),
    "tar.xz": lambda name, content: in_tar(name, content, "w:xz"),
    "deb": lambda name, content: debian_package(in_tar(name, content)),
}
MORE = st.sampled_from([b"\xff" * 4, b"\x7f" * 4, b"777777777"]) | st.binary(max_size=9)
SHARES = st.floats(0, 1) | st.floats(0, 0.02) | st.floats(0.98, 1)
SIZES = st.sampled_from([-1, 0, 1, 3, 28, 784, 10**5, 2**31, 2**40])


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file, or archives in archives, of which each may be cut, flipped, or claim any size in its header."""
    name = draw(st.sampled_from([*LEAVES, "x_train.npy"]))
    if name in LEAVES:
        content = draw(st.sampled_from(LEAVES[name]))
    else:
        shape = tuple(draw(st.lists(SIZES, max_size=5)))
        content = npy(
            shape, draw(st.sampled_from(["|u1", "<f8", "<U9", "|S0", "<U100000000", "|b1"])), draw(st.booleans())
        )
    for layer in draw(st.lists(st.sampled_from(sorted(LAYERS)), max_size=6)):
        content = LAYERS[layer](name, damaged(draw, content))
        name = f"own.{layer}"
    return name.replace("/", "-"), damaged(draw, content)


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut or change a content, at a place that is a share of its length: that of an archive depends on the time."""
    how, share, more = draw(st.sampled_from(["", "", "", "cut", "changed", "longer"])), draw(SHARES), draw(MORE)
    at = round(share * len(content))
    return {
        "cut": content[:at],
        "changed": content[:at] + more + content[at + len(more) :],
        "longer": content + more,
    }.get(how, content)


@given(file=broken())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_file_holds_the_end_is_an_answer_or_one_line_and_takes_little(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes]
):
    name, content = file
    place = tmp_path_factory.mktemp("broken") / name
    place.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in (place, place.parent):
        said = str(path)
        try:
            datasets.custom(path, fetch())
        except UserError as error:
            said = str(error)
        assert re.fullmatch(f"{re.escape(str(path))}.*", said)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    shutil.rmtree(place.parent)
