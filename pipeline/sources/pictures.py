"""Folders of pictures, one a class, as arrays."""

import io
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from pipeline.config.errors import UserError
from pipeline.sources.archives import Contents, brief
from pipeline.sources.arrays import PARTS, as_images
from pipeline.sources.budget import KEPT, Budget
from pipeline.sources.images import Images, drawn
from pipeline.sources.saved import in_memory

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}
FORMATS = ("PNG", "JPEG", "BMP")
PART_OF = {word: part for part, words in PARTS.items() for word in words}
LARGEST = 4096 * 4096  # pixels of one picture: a few bytes may claim any number
LARGEST_PHOTO = 50_000_000  # of a JPEG, which comes out of it reduced where fetch.size says so
FILE = 100_000_000  # bytes of its file
DECODING = 330_000_000  # bytes that the largest takes while it is read

Size = tuple[int, int]  # height, width


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


def read_picture(path: str, content: bytes, scale: float | None, grey: bool, size: Size | None = None) -> Image.Image:
    """Return one picture in grey, 8 bits, upright, its values from 0 to `scale` brought to 0 to 255.

    Raises UserError as `upright` does, and where it is in colour without `grey`.
    """
    with upright(path, content, size) as picture:
        return in_grey(picture, scale, grey)


@contextmanager
def upright(path: str, content: bytes, size: Size | None = None) -> Iterator[Image.Image]:
    """Open one picture as the camera was held.

    A JPEG much larger than the size that is wanted is decoded at a half of its own, a quarter or an eighth. Raises
    UserError, naming the path, where it is none or too large, and where what is done with it fails.
    """
    try:
        # of damaged comments Pillow only warns; of a size it is asked below
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            if size and opened.format == "JPEG" and opened.width * opened.height <= LARGEST_PHOTO:
                opened.draft(None, (2 * max(size), 2 * max(size)))
            if opened.width * opened.height > LARGEST:
                cure = ", or more of a JPEG with fetch.size" if opened.format == "JPEG" and not size else ""
                raise UserError(f"{opened.width}x{opened.height} pixels; allowed are {LARGEST:,} in all{cure}")
            ImageOps.exif_transpose(opened, in_place=True)
            yield opened
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except UnidentifiedImageError:  # whose message is an address in memory
        raise UserError(f"{path} is not readable as a picture: neither PNG, JPEG nor BMP, or damaged") from None
    except Exception as error:  # whatever a damaged picture makes its reader raise
        raise UserError(f"{path} is not readable as a picture: {brief(error)}") from None


def in_grey(picture: Image.Image, scale: float | None, grey: bool) -> Image.Image:
    """Return a picture in grey, 8 bits. Raises UserError where it is in colour without `grey`."""
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits: the high byte
        deep = np.clip(np.asarray(picture), 0, 65535).astype(np.uint16)
        return Image.fromarray(_scaled(deep, scale) if scale else (deep >> 8).astype(np.uint8))
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode != "L":
        if picture.has_transparency_data:
            black = Image.new("RGBA", picture.size, "black")  # under what is transparent, as MNIST's background
            picture = Image.alpha_composite(black, picture.convert("RGBA"))
            del black
        picture = picture.convert("RGB")
        red, green, blue = picture.split()
        if all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue)):
            picture = red
        elif not grey:
            raise UserError("in colour; fetch.grey: true makes pictures grey")
    return Image.fromarray(_scaled(np.asarray(picture.convert("L")), scale))  # by ITU-R 601


def _scaled(values: NDArray[Any], scale: float | None) -> NDArray[np.uint8]:
    """Return the values (height, width) of one picture as bytes."""
    ((image,),) = as_images(in_memory(values[np.newaxis]), scale, grey=False)
    return np.asarray(image, np.uint8)


def fitted(picture: Image.Image, size: Size | None) -> NDArray[np.uint8]:
    """Return a picture as an array, brought to a size (height, width): its aspect kept, black around it."""
    if size and (picture.height, picture.width) != size:
        picture = ImageOps.pad(picture, (size[1], size[0]), Image.Resampling.BILINEAR, color=0)
    return np.asarray(picture, np.uint8)


def all_fitted(blocks: Iterator[NDArray[np.uint8]], size: Size) -> Iterator[NDArray[np.uint8]]:
    """Yield images (n, height, width) brought to a size."""
    for block in blocks:
        images = [fitted(Image.fromarray(image), size) for image in block]
        yield np.stack(images) if images else np.empty((0, *size), np.uint8)


def read(
    members: Contents, budget: Budget, scale: float | None, grey: bool, size: Size | None
) -> tuple[dict[str, tuple[Images, NDArray[np.int64]]], list[str], list[str]] | None:
    """Return images and labels by part, the classes and notes; None without any picture.

    Pictures are mixed, and a share of the training pictures tests where no test pictures come along. Classes are the
    names of the folders in their order. Raises UserError naming a picture that does not fit, or two places of which
    only one can be meant.
    """
    found = by_part(members)
    roots = sorted({root for root, _ in found})
    if not found:
        return None
    if len(roots) > 1:
        raise UserError(f"pictures lie in {roots[0] or 'the place itself'} and in {roots[1]}; name one of them")
    numbers = {name: n for n, name in enumerate(sorted({name for folders in found.values() for name in folders}))}
    listed = {
        part or "train": [(path, numbers[name]) for name, paths in folders.items() for path in paths]
        for (_, part), folders in found.items()
    }
    notes: list[str] = []
    if "train" in listed:
        rows, test, notes = drawn(np.array([label for _, label in listed["train"]]), "test" in listed)
        ours = listed["train"]
        listed["train"] = [ours[row] for row in rows]
        if len(test):
            listed["test"] = [ours[row] for row in test]
    budget.limits[KEPT] -= DECODING
    sizes: Counter[Size] = Counter()
    parts = {}
    for part, pictures in listed.items():
        blocks = _blocks([path for path, _ in pictures], members, sizes, scale, grey, size)
        images = Images(budget).extend(blocks, len(pictures))
        parts[part] = images, np.array([label for _, label in pictures], np.int64)
    if len(sizes) > 1 and size is None:
        told = ", ".join(f"{height}x{width} ({count})" for (height, width), count in sizes.most_common(3))
        raise UserError(f"pictures of {len(sizes)} sizes: {told}; fetch.size: [28, 28] brings them to one")
    return parts, list(numbers), notes


def _blocks(
    paths: list[str], members: Contents, sizes: Counter[Size], scale: float | None, grey: bool, size: Size | None
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures one by one, and count their sizes; once there are two of which none is right, only that."""
    for path in paths:
        with members[path]() as file:
            content = file.read(FILE + 1)
        if len(content) > FILE:
            raise UserError(f"{path}: more than {FILE:,} bytes; allowed are as many")
        picture = read_picture(path, content, scale, grey, size)
        sizes[picture.height, picture.width] += 1
        if size or len(sizes) == 1:
            yield fitted(picture, size)[np.newaxis]
