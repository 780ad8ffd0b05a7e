"""What the reader takes of memory, measured in a process of its own, with all that it loads: below 1 GB."""

import gzip
import io
import json
import lzma
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.clones import PROJECT

from pipeline.data import idx

ALLOWED = 1_000_000_000  # bytes
MEGABYTE = 1_000_000
READ = """
import json, sys
from pathlib import Path
from types import SimpleNamespace

from pipeline.config.errors import UserError
from pipeline.sources import datasets

try:
    said = len(datasets.custom(Path(sys.argv[1]), SimpleNamespace(**json.loads(sys.argv[2])))[1])
except UserError as error:
    said = str(error)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(json.dumps([said, int(peak.split()[1]) * 1024]))
"""

FETCH = {"scale": None, "grey": False, "size": None}
Make = Callable[[Path], object]


def measured(place: Path, **changes: Any) -> tuple[int | str, int]:
    """How many classes the reader finds in a place, or what it says; and the most memory that it took, in bytes."""
    result = subprocess.run(
        [sys.executable, "-c", READ, place, json.dumps(FETCH | changes)], capture_output=True, text=True, cwd=PROJECT,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    said, peak = json.loads(result.stdout)
    return said, peak


def zeros(count: int) -> Iterable[bytes]:
    """Some bytes, a piece after the other."""
    yield from [bytes(MEGABYTE)] * (count // MEGABYTE)
    yield bytes(count % MEGABYTE)


def gzipped(start: bytes, count: int) -> bytes:
    """The gzip of some bytes and then zeros: of as many members as there are megabytes, since that is soon made."""
    return gzip.compress(start + bytes(count % MEGABYTE)) + gzip.compress(bytes(MEGABYTE)) * (count // MEGABYTE)


def zip_of(place: Path, **members: Iterable[bytes]) -> None:
    """Write a zip, the dots in the names of its files as two underscores."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, pieces in members.items():
            with archive.open(name.replace("__", "."), "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)


def npy(shape: tuple[int, ...], kind: str = "|u1", fortran: bool = False) -> Iterable[bytes]:
    """A .npy file of zeros."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": fortran, "shape": shape})
    yield header.getvalue()
    yield from zeros(int(np.prod(shape)) * np.dtype(kind).itemsize)


def labels(count: int, classes: int = 62) -> Iterable[bytes]:
    header = io.BytesIO()
    np.save(header, (np.arange(count) % classes).astype(np.uint8))
    yield header.getvalue()


def npz(place: Path, count: int, kind: str = "|u1", fortran: bool = False, more: int = 70) -> None:
    """Write images 28x28 to train with, and others to test."""
    parts = {"train": count, "test": more}
    arrays = {f"x_{part}__npy": npy((size, 28, 28), kind, fortran) for part, size in parts.items()}
    zip_of(place / "own.npz", **arrays, **{f"y_{part}__npy": labels(size) for part, size in parts.items()})


def emnist(place: Path) -> None:
    """Write EMNIST's largest split, byclass."""
    for part, count in (("train", 697_932), ("test", 116_323)):
        name = f"emnist-byclass-{part}-{{}}-ubyte.gz"
        header = struct.pack(">HBB3I", 0, 8, 3, count, 28, 28)
        (place / name.format("images-idx3")).write_bytes(gzipped(header, count * 784))
        numbers = (np.arange(count) % 62).astype(np.uint8)
        (place / name.format("labels-idx1")).write_bytes(gzip.compress(idx.encode(numbers), 1))


def csv_of(place: Path, count: int) -> None:
    row = b",0" * 784 + b"\n"
    with (place / "train.csv").open("wb") as file:
        file.writelines(b"%d%s" % (number % 10, row) for number in range(count))


def pictures(place: Path, count: int, size: tuple[int, int] = (4096, 4096), form: str = "png", mode: str = "L") -> None:
    """Write a picture, and let others be the same file."""
    for number in range(count):
        path = place / "abc"[number % 3] / f"{number}.{form}"
        path.parent.mkdir(exist_ok=True)
        if number:
            os.link(place / f"a/0.{form}", path)
        else:
            Image.new(mode, size).save(path, **({"progressive": True} if form == "jpg" else {"compress_level": 1}))


def small_pictures_in_a_tar(place: Path) -> None:
    content = io.BytesIO()
    Image.new("L", (28, 28)).save(content, "PNG")
    with tarfile.open(place / "own.tar.gz", "w:gz", compresslevel=1) as archive:
        for number in range(3000):
            info = tarfile.TarInfo(f"train/{number % 3}/{number}.png")
            info.size = len(content.getvalue())
            archive.addfile(info, io.BytesIO(content.getvalue()))


def zip_of_zips(place: Path) -> None:
    """Write a zip of zips of zips, each of ten files of zeros."""
    content = b"".join(zeros(200 * MEGABYTE))
    for depth in range(4):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number in range(10 if depth else 1):
                archive.writestr(f"{number}.zip" if depth else "x_train.npy", content)
        content = buffer.getvalue()
    (place / "own.zip").write_bytes(content)


def zeros_by_other_names(place: Path) -> None:
    names = ("tar", "tar__gz", "tar__xz", "tar__bz2", "tgz", "zip", "npz", "deb")
    zip_of(place / "own.zip", **{name: zeros(40 * MEGABYTE) for name in (f"a__{name}" for name in names)})


def tar_gz_of_zeros(place: Path) -> None:
    (place / "own.tar.gz").write_bytes(gzipped(b"", 4000 * MEGABYTE))


def tar_gz_of_a_long_name(place: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 50 * MEGABYTE
    (place / "own.tar.gz").write_bytes(gzipped(info.tobuf(), 60 * MEGABYTE))


def xz_that_looks_far_back(place: Path) -> None:
    """Write an xz whose header asks for a dictionary of 1 GiB."""
    content = lzma.compress(tarfile.TarInfo("a").tobuf())
    header = bytearray(content[12 : 12 + (content[12] + 1) * 4])
    header[header.index(b"\x21\x01") + 2] = 36
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    (place / "own.tar.xz").write_bytes(content[:12] + header + content[12 + len(header) :])


def many_files(place: Path) -> None:
    """Write a zip that lists a file 250,000 times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x_train.npy", b"")
    content = buffer.getvalue()
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    listed = content[start:end] * 250_000
    ending = content[end : end + 12] + struct.pack("<I", len(listed)) + content[end + 16 :]
    (place / "own.zip").write_bytes(content[:start] + listed + ending)


def lists(place: Path) -> None:
    (place / "mnist.pkl.gz").write_bytes(gzip.compress(b"\x80\x02(") + gzip.compress(b"]" * MEGABYTE) * 200)


def long_text(place: Path) -> None:
    start = b"\x80\x02X" + struct.pack("<I", 220 * MEGABYTE)
    letters = gzip.compress(b"a" * MEGABYTE) * 219 + gzip.compress("🐉".encode() + b"a" * (MEGABYTE - 4))
    (place / "mnist.pkl.gz").write_bytes(gzip.compress(start) + letters + gzip.compress(b"."))


def mnist_pickled(place: Path) -> None:
    pairs = [(np.zeros((count, 784), np.float32), np.arange(count) % 10) for count in (50_000, 10_000, 10_000)]
    (place / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(pairs, protocol=3), 1))


def huge_png(place: Path) -> None:
    pictures(place, 1, (8, 8))
    content = bytearray((place / "a/0.png").read_bytes())
    content[16:24] = struct.pack(">2I", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (place / "a/0.png").write_bytes(content)


def huge_npy(place: Path) -> None:
    start = next(iter(npy((10**9, 28, 28))))
    zip_of(place / "own.npz", x_train__npy=[start, bytes(1000)])


def huge_idx(place: Path) -> None:
    (place / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + b"\xff" * 12 + bytes(100))


def one_line(place: Path) -> None:
    (place / "train.csv.gz").write_bytes(gzip.compress(b"0," * (MEGABYTE // 2)) * 580)


QUICK: dict[str, tuple[Make, dict[str, Any], int | str]] = {
    "zips of zips": (zip_of_zips, {}, "archives found; allowed are 100 in one place"),
    "zeros in a tar.gz": (tar_gz_of_zeros, {}, "not found"),
    "a long name in a tar.gz": (tar_gz_of_a_long_name, {}, "a header of 50,000,384 bytes; allowed are 33,554,432"),
    "an xz that looks far back": (xz_that_looks_far_back, {}, "Memory usage limit exceeded"),
    "a list of 250,000 files": (many_files, {}, "files found; allowed are 200,000 in one place"),
    "lists in a pickle": (lists, {}, "more than 1,000 steps"),
    "a long text in a pickle": (long_text, {}, "a long text"),
    "a PNG's header": (huge_png, {}, "exceeds limit of 178956970 pixels"),
    "a header of NumPy's": (huge_npy, {}, "its header says 1000000000x28x28"),
    "a header of IDX": (huge_idx, {}, "bytes an image; allowed are 33,554,432"),
    "a table of one line": (one_line, {}, "a line of more than 524,288 bytes"),
}
SLOW: dict[str, tuple[Make, dict[str, Any], int | str]] = {
    "EMNIST byclass": (emnist, {}, 62),
    "an npz of 590 MB": (lambda place: npz(place, 752_500), {}, 62),
    "two arrays of 590 MB": (lambda place: npz(place, 752_500, more=752_500), {}, "allowed are 660,000,000 in one"),
    "MNIST in float64": (lambda place: npz(place, 60_000, "<f8"), {"scale": 1}, 62),
    "MNIST in Fortran's order": (lambda place: npz(place, 60_000, "<f4", fortran=True), {}, 62),
    "MNIST pickled": (mnist_pickled, {}, 10),
    "zeros by other names": (zeros_by_other_names, {}, "not found"),
    "120 large pictures": (lambda place: pictures(place, 120), {}, "found; allowed are 330,000,000 in one place"),
    "large pictures, shrunk": (lambda place: pictures(place, 6, mode="RGBA"), {"size": [28, 28]}, 3),
    "pictures of 16 bits": (lambda place: pictures(place, 6, mode="I;16"), {"size": [28, 28], "scale": 65535}, 3),
    "photos, shrunk": (lambda place: pictures(place, 6, (8000, 6000), "jpg", "RGB"), {"size": [28, 28]}, 3),
    "3,000 small pictures": (small_pictures_in_a_tar, {}, 3),
    "a table of 580 MB": (lambda place: csv_of(place, 370_000), {}, 10),
}


@pytest.mark.parametrize("case", [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)])
def test_the_reader_takes_less_than_a_gigabyte_and_ends_in_an_answer_or_one_line(tmp_path: Path, case: str):
    make, changes, expected = (QUICK | SLOW)[case]
    make(tmp_path)
    said, peak = measured(tmp_path, **changes)
    print(f"{case}: {peak / 1e6:.0f} MB")
    assert peak < ALLOWED
    if isinstance(expected, int):
        assert said == expected
    else:
        assert re.fullmatch(rf"{re.escape(str(tmp_path))}.*{expected}.*", str(said))
