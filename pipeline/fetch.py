"""fetch: the four IDX files of the data set, from the first source that has them, byte for byte the canonical ones."""

from pathlib import Path

from pipeline.config import paths, repository
from pipeline.config.errors import UserError
from pipeline.config.sections import Fetch
from pipeline.data import files
from pipeline.sources import datasets, mirrors, places, reader
from pipeline.tracking import lineage
from pipeline.tracking.stage import stage

OWN = ("scale", "grey", "size")  # settings that only data of one's own may need


def get(settings: Fetch) -> tuple[dict[str, bytes], list[str], list[str]]:
    """Return the four files, the class names, and what is to be said of them."""
    known = datasets.KNOWN.get(settings.dataset)
    if known is None:
        place = places.place_of("dataset", settings.dataset)
        if not place.exists():
            raise UserError(
                f"params.yaml: fetch.dataset: found {settings.dataset}; allowed are {', '.join(datasets.KNOWN)}, "
                f"or a folder or archive of your own, and there is no {place}"
            )
        return datasets.custom(place, settings)
    for key in OWN:
        if found := getattr(settings, key):
            raise UserError(f"params.yaml: fetch.{key}: found {found}; with {settings.dataset} it has nothing to do")
    if settings.source is None:
        return mirrors.download_first(mirrors.sources(settings.dataset), known), known.classes, []
    place = places.place_of("source", settings.source)
    return datasets.verify_checksums(reader.read(place), place, known), known.classes, []


def check_overwritten(path: Path, content: bytes) -> None:
    """Raise UserError where a file would be overwritten that DVC's cache cannot bring back."""
    if not path.exists() or path.read_bytes() == content:
        return
    from dvc.repo import Repo  # takes a second to load

    if not Repo(str(repository.root())).cache.local.exists(lineage.dvc_hash(path)):
        raise UserError(f"{path}: is in the way, and not the pipeline's; move it to another folder, or remove it")


def main() -> None:
    """Write the four files and the class names, one a line, into data/raw."""
    with stage("fetch") as run:
        contents, classes, notes = get(run.params.fetch)
        for note in notes:
            print(f"fetch: {note}", flush=True)
        contents[paths.CLASS_NAMES] = ("\n".join(classes) + "\n").encode()
        for name, content in contents.items():
            check_overwritten(paths.RAW / name, content)
        for name, content in contents.items():
            files.write_bytes(paths.RAW / name, content)
        if run.params.fetch.dataset not in datasets.KNOWN:
            places.remember(places.place_of("dataset", run.params.fetch.dataset))


if __name__ == "__main__":
    main()
