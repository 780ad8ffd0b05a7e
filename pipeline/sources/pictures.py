"""Folders of pictures, one a class, as arrays."""

import io
from collections import Counter, defaultdict
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.config.errors import UserError
from pipeline.sources.archives import Contents, brief
from pipeline.sources.arrays import PARTS, as_images

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}
PART_OF = {word: part for part, words in PARTS.items() for word in words}
LARGEST = 4096 * 4096  # pixels of one picture: a few bytes may claim any number


def by_part(members: Contents) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return the paths of pictures by where their data set lies and part, by class; a part is "" where none is named.

    A class is the folder that a picture lies in, a part the folder around it.
    """
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(members):
        pure = PurePosixPath(path)
        if pure.suffix.lower() in SUFFIXES and not pure.name.startswith(".") and len(pure.parts) > 1:
            *outer, name = pure.parts[:-1]
            part = PART_OF.get(outer[-1].lower(), "") if outer else ""
            root = "/".join(outer[:-1] if part else outer)
            found[root, part][name].append(path)
    return found


def read_picture(path: str, content: bytes, scale: float | None, grey: bool) -> Image.Image:
    """Return one picture in grey, 8 bits, upright, its values from 0 to `scale` brought to 0 to 255.

    Raises UserError where it is none, too large, or in colour without `grey`.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > LARGEST:
                raise UserError(f"{opened.width}x{opened.height} pixels; allowed are {LARGEST:,} in all")
            picture = ImageOps.exif_transpose(opened)  # as the camera was held
            if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits: the high byte
                deep = np.clip(np.asarray(picture, np.int64), 0, 65535)
                return Image.fromarray(_scaled(deep, scale) if scale else (deep >> 8).astype(np.uint8))
            if picture.mode == "1":
                return picture.convert("L")
            if picture.mode == "L":
                return Image.fromarray(_scaled(np.asarray(picture), scale))
            flat = Image.new("RGBA", picture.size, "black")  # what is transparent is black, as MNIST's background
            flat.alpha_composite(picture.convert("RGBA"))
            colours = np.asarray(flat.convert("RGB"))
            if (colours == colours[..., :1]).all():
                return Image.fromarray(_scaled(colours[..., 0], scale))
            if not grey:
                raise UserError("in colour; fetch.grey: true makes pictures grey")
            return Image.fromarray(_scaled(np.asarray(flat.convert("L")), scale))  # by ITU-R 601
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # whatever a damaged picture makes its reader raise
        raise UserError(f"{path} is not readable as a picture: {brief(error)}") from None


def _scaled(values: NDArray[Any], scale: float | None) -> NDArray[np.uint8]:
    """Return the values (height, width) of one picture as bytes."""
    (image,) = as_images(values[np.newaxis], scale, grey=False)
    return np.asarray(image, np.uint8)


def fitted(picture: Image.Image, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return a picture as an array, brought to a size (height, width): its aspect kept, black around it."""
    if size and (picture.height, picture.width) != size:
        picture = ImageOps.pad(picture, (size[1], size[0]), Image.Resampling.BILINEAR, color=0)
    return np.asarray(picture, np.uint8)


def read(
    members: Contents, scale: float | None, grey: bool, size: tuple[int, int] | None
) -> tuple[dict[tuple[str, str], NDArray[np.uint8]], list[str]] | None:
    """Return images and labels by part and kind, part "" where there is one tree, and the classes; None without any.

    Classes are the names of the folders in their order. Raises UserError naming a picture that does not fit, or two
    places of which only one can be meant.
    """
    found = by_part(members)
    roots = sorted({root for root, _ in found})
    if not found:
        return None
    if len(roots) > 1:
        raise UserError(f"pictures lie in {roots[0] or 'the place itself'} and in {roots[1]}; name one of them")
    classes = sorted({name for folders in found.values() for name in folders})
    arrays: dict[tuple[str, str], NDArray[np.uint8]] = {}
    sizes: Counter[tuple[int, int]] = Counter()
    for (_, part), folders in found.items():
        inside = [path for paths in folders.values() for path in paths]
        pictures = {path: read_picture(path, members[path](), scale, grey) for path in inside}
        sizes.update((picture.height, picture.width) for picture in pictures.values())
        if len(sizes) > 1 and size is None:
            told = ", ".join(f"{height}x{width} ({count})" for (height, width), count in sizes.most_common(3))
            raise UserError(f"pictures of {len(sizes)} sizes: {told}; fetch.size: [28, 28] brings them to one")
        arrays[part, "images"] = np.stack([fitted(picture, size) for picture in pictures.values()])
        labels = [classes.index(name) for name, paths in folders.items() for _ in paths]
        arrays[part, "labels"] = np.array(labels, np.int64)
    return arrays, classes
