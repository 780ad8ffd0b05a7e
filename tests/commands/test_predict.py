"""The network asked what a picture shows, as a user would."""

import json
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import photographed as pictured
from support.clones import ARTICLE_YAML, PROJECT, SETTINGS

from pipeline.commands import predict
from pipeline.config import paths
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.network import saving
from pipeline.network.build import build
from pipeline.sources.centred import centred

CLASSES = list(pictured.DRAWINGS)
SEVEN = pictured.ink("seven")
FETCH = SETTINGS.fetch


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose network compares an image with three drawings."""
    folder = tmp_path_factory.mktemp("predict")
    shutil.copyfile(ARTICLE_YAML, folder / "params.yaml")
    network = build(SETTINGS.model.model_copy(update={"filters": ()}), (28, 28), len(CLASSES))
    images = [centred(pictured.ink(name), (28, 28)).image.ravel() / 255.0 for name in CLASSES]
    kernel = np.stack([4 * (image - image.mean()) / np.linalg.norm(image) for image in images], axis=1)
    network.layers[-1].set_weights([kernel, np.zeros(len(CLASSES))])
    saving.save(network, folder / paths.MODEL)
    files.write_text(folder / paths.PREPARED / paths.CLASS_NAMES, "\n".join(CLASSES) + "\n")
    return folder


def run(project: Path, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """The command's exit code and what it says on both streams."""
    result = subprocess.run(
        [sys.executable, "-m", "pipeline.commands.predict", *arguments], cwd=project, input=stdin, capture_output=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(project), "PYTHONPATH": str(PROJECT)}, timeout=120,
    )  # fmt: skip
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


GOOD = {
    "dark on white.png": pictured.encoded(255.0 - SEVEN),
    "photo.jpg": pictured.encoded(pictured.shaded(pictured.on_paper(SEVEN)), "JPEG", quality=60),
    "transparent.png": pictured.encoded(np.dstack([np.zeros((280, 280, 3), np.uint8), SEVEN])),
    "deep.png": pictured.encoded(SEVEN.astype(np.uint16) * 257),
    "ready.bmp": pictured.encoded(centred(SEVEN, (28, 28)).image, "BMP"),
    "large.png": pictured.encoded(pictured.on_paper(SEVEN, (3000, 2500), (900, 700))),
}
BAD = {
    "claims.png": (claims(20_000, 20_000), "claims.png is not readable as a picture: Image size (400000000 pixels)"),
    "fits not.png": (claims(5_000, 5_000), "fits not.png: 5000x5000 pixels; allowed are 16,777,216 in all"),
    "white.png": (pictured.encoded(np.full((90, 80), 255.0)), "white.png: holds no digit: its ink differs from its"),
    "notes.txt": (b"seven\n", "notes.txt is not readable as a picture: neither PNG, JPEG nor BMP, or damaged"),
    "empty.png": (b"", "empty.png: is empty"),
    "cut.png": (GOOD["photo.jpg"][:3000], "cut.png is not readable as a picture: image file is truncated"),
}


def test_every_readable_picture_gets_a_line_on_stdout_and_every_other_one_on_stderr(
    project: Path, tmp_path: Path
) -> None:
    for name, content in GOOD.items():
        (tmp_path / name).write_bytes(content)
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    names = [*GOOD, *BAD, "folder", "absent.png"]
    code, out, err = run(project, *(str(tmp_path / name) for name in names), "-", stdin=GOOD["photo.jpg"])
    assert code == 1
    lines = out.splitlines()
    assert len(lines) == len(GOOD) + 1
    for name, line in zip([*GOOD, "-"], lines, strict=True):
        assert line.startswith(f"{tmp_path / name if name in GOOD else name}: seven (")
    assert lines[-1].split(": ", 1)[1] == lines[list(GOOD).index("photo.jpg")].split(": ", 1)[1]
    said = err.splitlines()
    expected = [line for _, line in BAD.values()] + ["folder: Is a directory", "absent.png: No such file or directory"]
    assert len(said) == len(expected)
    for one, line in zip(said, expected, strict=True):
        assert one.startswith(f"predict: {tmp_path}/{line}")


def test_json_has_every_probability_and_what_was_done_and_the_image_is_what_the_network_saw(
    project: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "seen.png"
    code, out, err = run(project, "-", "--json", "--save", str(saved), stdin=GOOD["dark on white.png"])
    assert (code, err) == (0, "")
    answered = json.loads(out)
    chances = answered["probabilities"]
    assert list(chances) == CLASSES
    assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
    assert answered["label"] == "seven"
    assert answered["probability"] == chances["seven"] == max(chances.values())
    assert answered["runner_up"] == sorted(chances, key=chances.__getitem__)[-2]
    assert answered["steps"] == ["inverted", "digit of 162x192 brought to 17x20 and centred by mass"]
    # but for the faintest pixels around the strokes, which count as paper
    assert np.abs(np.asarray(Image.open(saved), float) - centred(SEVEN, (28, 28)).image).max() < 10


def test_nothing_is_saved_of_a_picture_that_cannot_be_read_nor_where_it_cannot_be_written(
    project: Path, tmp_path: Path
) -> None:
    code, out, err = run(project, "-", "--save", str(tmp_path / "seen.png"), stdin=b"seven")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    code, out, err = run(project, "-", "--save", str(tmp_path), stdin=GOOD["deep.png"])
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert str(tmp_path) in err
    assert not list(tmp_path.iterdir())


def test_without_a_network_one_line_says_what_trains_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^models/model\.keras is missing; `make` trains a network$"):
        predict.load()


def test_a_network_and_data_that_do_not_belong_together_are_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    files.write_text(tmp_path / paths.PREPARED / paths.CLASS_NAMES, "cat\ndog\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^models/model\.keras has 3 classes, data/prepared 2; `make` trains anew$"):
        predict.load()


def see(tmp_path: Path, content: bytes, dataset: str = "own.npz", as_is: bool = False) -> predict.Seen:
    path = tmp_path / "it.png"
    path.write_bytes(content)
    return predict.see(str(path), (28, 28), FETCH.model_copy(update={"dataset": dataset}), as_is)


def test_other_data_than_mnist_and_as_is_take_a_picture_as_fetch_does(tmp_path: Path) -> None:
    wide = np.full((50, 100), 90.0)
    for seen in (see(tmp_path, pictured.encoded(wide)), see(tmp_path, pictured.encoded(wide), "mnist", as_is=True)):
        assert seen.steps == ["brought to 28x28, its aspect kept"]
        assert not seen.image[:6].any()
        assert (seen.image[8:20] == 90).all()


def test_colour_is_made_grey_for_a_network_of_grey_images(tmp_path: Path) -> None:
    red = np.zeros((28, 28, 3), np.uint8)
    red[4:, :, 0] = 200
    seen = see(tmp_path, pictured.encoded(red))
    assert seen.steps == ["taken as it is"]
    assert set(seen.image.ravel().tolist()) == {0, 60}


def test_a_picture_of_one_grey_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"it\.png: holds nothing: all of its pixels are 255$"):
        see(tmp_path, pictured.encoded(np.full((40, 40), 255.0)))


def test_a_digit_of_the_networks_own_size_is_not_moved(tmp_path: Path) -> None:
    image = np.zeros((28, 28))
    image[2:12, 2:5] = 255
    assert np.array_equal(see(tmp_path, pictured.encoded(image), "mnist").image, image)
    seen = see(tmp_path, pictured.encoded(255 - image), "mnist")
    assert np.array_equal(seen.image, image)
    assert seen.steps == ["inverted", "otherwise taken as it is"]
