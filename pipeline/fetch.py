"""fetch: the four IDX files of the data set, from the first source that has them, byte for byte the canonical ones."""

import os
from pathlib import Path

from pipeline.config import paths, repository
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.sources import archives, datasets, mirrors
from pipeline.tracking.stage import stage


def main() -> None:
    """Write the four files and the class names, one a line, into data/raw."""
    with stage("fetch") as run:
        settings = run.params.fetch
        known = datasets.KNOWN.get(settings.dataset)
        if known is None:
            # a queued experiment runs in a temporary clone, which has none of the repository's untracked files
            place = repository.root() / os.path.expanduser(settings.dataset)  # noqa: PTH111, since Path's raises for ~nobody
            if not place.exists():
                raise UserError(
                    f"params.yaml: fetch.dataset: found {settings.dataset}; allowed are {', '.join(datasets.KNOWN)}, "
                    f"or a folder or archive of your own, and there is no {place}"
                )
            contents, classes = datasets.custom(place)
        else:
            classes = known.classes
            if settings.source is not None:
                contents = datasets.verify_checksums(archives.read(Path(settings.source)), settings.source, known)
            else:
                contents = mirrors.download_first(mirrors.sources(settings.dataset), known)
        for name, content in contents.items():
            files.write_bytes(paths.RAW / name, content)
        files.write_text(paths.RAW / paths.CLASS_NAMES, "\n".join(classes) + "\n")


if __name__ == "__main__":
    main()
