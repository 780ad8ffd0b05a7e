"""fetch: the four IDX files of the data set, from the first source that has them, byte for byte the canonical ones."""

import hashlib
from pathlib import Path

import numpy as np

from pipeline.config import paths, repository
from pipeline.config.errors import UserError
from pipeline.config.sections import Fetch, Params
from pipeline.data import files, idx, prepared
from pipeline.data.classes import check_classes
from pipeline.network.geometry import shape_check
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


def unfit(settings: Params, contents: dict[str, bytes], classes: list[str]) -> list[str]:
    """Return a line for each setting of a later stage that does not fit the images: each would stop its stage."""
    labels = [idx.decode(contents[name], name, 1) for name in (idx.TRAIN_LABELS, idx.TEST_LABELS)]
    # images of no size stand for them, which might not fit into memory twice
    train, test = (prepared.Split(np.empty((len(of_part), 0, 0), np.uint8), of_part) for of_part in labels)
    size = idx.decode(contents[idx.TRAIN_IMAGES], idx.TRAIN_IMAGES, 3).shape[1:]
    found, training = [], train
    try:
        training = prepared.split(train, test, settings.prepare)["train"]
        check_classes(training.labels, classes, settings.prepare)
    except UserError as error:
        found.append(str(error))
        if training is train:
            validating = min(settings.prepare.validation_size, len(train.images) // 5)
            validating = validating if settings.prepare.validation == "holdout" else 0
            found[-1] += f"; prepare.train_size: {len(train.images) - validating} fits"
            found[-1] += f", with prepare.validation_size: {validating}" if validating else ""
    if problem := shape_check(settings.model, *size):
        found.append(f"params.yaml: {problem}")
    for key, index, images in (
        ("kernel_demo.image", settings.kernel_demo.image, training.images),
        ("evaluate.image", settings.evaluate.image, test.images),
        ("error_analysis.right", settings.error_analysis.right, test.images),
        ("error_analysis.wrong", settings.error_analysis.wrong, test.images),
    ):
        try:
            prepared.choose(index, images, 0, key)
        except UserError as error:
            found.append(str(error))
    return found


def check_overwritten(path: Path, content: bytes) -> None:
    """Raise UserError where a file would be overwritten that DVC's cache cannot bring back."""
    if not path.exists() or lineage.dvc_hash(path) == hashlib.md5(content, usedforsecurity=False).hexdigest():
        return
    from dvc.repo import Repo  # takes a second to load

    if not Repo(str(repository.root())).cache.local.exists(lineage.dvc_hash(path)):
        raise UserError(f"{path}: is in the way, and not the pipeline's; move it to another folder, or remove it")


def main() -> None:
    """Write the four files and the class names, one a line, into data/raw."""
    with stage("fetch") as run:
        contents, classes, notes = get(run.params.fetch)
        notes += [f"to be mended: {line}" for line in unfit(run.params, contents, classes)]
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
