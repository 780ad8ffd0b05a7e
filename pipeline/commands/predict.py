"""Ask the network what a picture shows: PNG, JPEG or BMP, a photo of a digit on paper too."""

import argparse
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config import params, paths
from pipeline.config.errors import UserError
from pipeline.config.sections import Fetch
from pipeline.data import files, prepared
from pipeline.sources import photos, pictures
from pipeline.sources.centred import DATASET, centred

STDIN = "-"

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Seen:
    """What the network sees of a picture, uint8 (height, width), and what was done to the picture."""

    image: NDArray[np.uint8]
    steps: list[str]


def read(name: str) -> bytes:
    """Return the content of a picture's file, or what comes in. Raises UserError where that is none or too much."""
    try:
        if name == STDIN:
            content = sys.stdin.buffer.read(pictures.FILE + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(pictures.FILE + 1)
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}") from None
    if not content:
        raise UserError(f"{name}: is empty")
    if len(content) > pictures.FILE:
        raise UserError(f"{name}: more than {pictures.FILE:,} bytes; allowed are as many")
    return content


def as_mnist(name: str, content: bytes, size: Size) -> Seen:
    """Return a digit as MNIST's authors made theirs: bright on black, cut out, brought to a box, centred by mass.

    Raises UserError where the picture cannot be read, or holds no digit.
    """
    grey = photos.read_grey(name, content)
    try:
        found = photos.inked(grey, size)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    steps = [f"reduced to {told(found.ink.shape)}"] if found.ink.shape != grey.shape else []
    steps += ["inverted"] if found.inverted else []
    if found.ready:
        return Seen(found.ink, [*steps, "taken as it is" if not steps else "otherwise taken as it is"])
    steps += [f"shadow of {found.shadow} grey levels removed"] if found.shadow else []
    digit = centred(found.ink, size)
    steps.append(f"digit of {told(digit.cut)} brought to {told(digit.size)} and centred by mass")
    # a hairline covers little of a pixel, and would be fainter than any stroke that the network knows
    return Seen(photos.stretched(digit.image), steps)


def as_fetched(name: str, content: bytes, size: Size, scale: float | None) -> Seen:
    """Return a picture as `fetch` takes it: in grey, its aspect kept, black around it.

    Raises UserError where the picture cannot be read, or is of one grey all over.
    """
    picture = pictures.read_picture(name, content, scale, grey=True, size=size)
    image = pictures.fitted(picture, size)
    if image.min() == image.max():
        raise UserError(f"{name}: holds nothing: all of its pixels are {image.max()}")
    is_ready = (picture.height, picture.width) == size
    return Seen(image, ["taken as it is" if is_ready else f"brought to {told(size)}, its aspect kept"])


def told(size: tuple[int, ...]) -> str:
    """Return a size (height, width) as people name it, width first."""
    return f"{size[1]}x{size[0]}"


def see(name: str, size: Size, settings: Fetch, as_is: bool) -> Seen:
    """Return what a network of a size, trained on data of these settings, sees of a picture."""
    content = read(name)
    if settings.dataset == DATASET and not as_is:
        return as_mnist(name, content, size)
    return as_fetched(name, content, size, settings.scale)


def answer(name: str, seen: Seen, classes: list[str], probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Return what the network says of a picture, from the probabilities (classes,)."""
    by_class = dict(zip(classes, map(float, probabilities), strict=True))
    first, second = sorted(by_class, key=by_class.__getitem__, reverse=True)[:2]
    return {
        "picture": name,
        "label": first,
        "probability": by_class[first],
        "runner_up": second,
        "probabilities": by_class,
        "steps": seen.steps,
    }


def line(answered: dict[str, Any]) -> str:
    """Return an answer in a line."""
    label, second, chances = answered["label"], answered["runner_up"], answered["probabilities"]
    return (
        f"{answered['picture']}: {label} ({100 * chances[label]:.1f} %), then {second} "
        f"({100 * chances[second]:.1f} %); {', '.join(answered['steps'])}"
    )


def load() -> tuple[Any, list[str]]:
    """Return the workspace's network and the names of its classes. Raises UserError where it has none."""
    for path in (paths.MODEL, paths.PREPARED / paths.CLASS_NAMES):
        if not path.exists():
            raise UserError(f"{path} is missing; `make` trains a network")
    from pipeline.network import saving  # loads TensorFlow, which takes seconds

    network, classes = saving.load(paths.MODEL), prepared.class_names()
    if network.output_shape[-1] != len(classes):
        raise UserError(
            f"{paths.MODEL} has {network.output_shape[-1]} classes, {paths.PREPARED} {len(classes)}; `make` trains anew"
        )
    return network, classes


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image as the bytes of a PNG."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def main() -> None:
    """Read each picture, ask, and print a line; a picture that cannot be read costs a line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.predict", description=__doc__)
    parser.add_argument("picture", nargs="+", metavar="PICTURE", help="PNG, JPEG or BMP; - reads what comes in")
    parser.add_argument("--json", action="store_true", help="print a JSON object a picture, with every probability")
    parser.add_argument("--as-is", action="store_true", help="only bring the picture to the network's size")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write what the network saw of one picture, as PNG")
    arguments = parser.parse_args()
    if arguments.save and len(arguments.picture) > 1:
        raise SystemExit(f"predict: --save: found {len(arguments.picture)} pictures; allowed is one")
    try:
        network, classes = load()
        settings = params.load().fetch
    except UserError as error:
        raise SystemExit(f"predict: {error}") from None
    failed = False
    for name in arguments.picture:
        try:
            seen = see(name, network.input_shape[1:3], settings, arguments.as_is)
            if arguments.save:
                files.write_bytes(arguments.save, png(seen.image))
        except UserError as error:
            print(f"predict: {error}", file=sys.stderr)
            failed = True
            continue
        except OSError as error:
            raise SystemExit(f"predict: {error}") from None
        probabilities = np.asarray(network(seen.image[np.newaxis], training=False))[0]
        answered = answer(name, seen, classes, probabilities)
        print(json.dumps(answered) if arguments.json else line(answered), flush=True)
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
