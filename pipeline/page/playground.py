"""The page on which one draws: the network's numbers, the scripts that compute with them, and a lock on all loading."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.page.page import TEMPLATE, render

SCRIPTS = ("network", "drawing", "photo", "run", "state", "show", "answer", "pad", "maps", "place", "why", "main")
POLICY = "the policy, once the digests are known"
FOLDER = Path(__file__).with_name("playground")


def array(values: NDArray[np.float32], precision: DTypeLike) -> dict[str, Any]:
    """Return an array of any shape as shape, type and base64 of its little-endian bytes, the last index fastest."""
    content = np.ascontiguousarray(values, np.dtype(precision).newbyteorder("<"))
    return {"shape": values.shape, "type": content.dtype.name, "bytes": base64.b64encode(content.tobytes()).decode()}


def images_text(images: NDArray[np.uint8]) -> str:
    """Return images (n, height, width) as base64 of their bytes, each run of zeros as a 0 and how many, at most 255.

    Compression would be smaller, but its bytes depend on the library's version.
    """
    runs = re.sub(rb"\0{1,255}", lambda zeros: bytes((0, len(zeros[0]))), images.tobytes())
    return base64.b64encode(runs).decode()


def render_playground(content: dict[str, Any], data: dict[str, Any] | None) -> str:
    """Return the page from what its template says, and from the data that its scripts compute with, if there are any.

    Without a connection or any file beside it: its Content-Security-Policy allows the page's own script and style, by
    their digests, and nothing else.
    """
    script = "".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'"use strict";\n{{\n{script}}}\n'
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    page = render(
        {**content, "script": script, "data": text, "policy": POLICY}, TEMPLATE.with_name("playground.html.jinja")
    )
    own = f"{_allowed(page, 'script')}; {_allowed(page, 'style')}"
    policy = f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    return page.replace(POLICY, policy, 1)


def _allowed(page: str, element: str) -> str:
    """Return the part of the policy that allows the scripts or styles which stand in a page."""
    contents = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
    digests = (hashlib.sha256(content.encode()).digest() for content in contents)
    sources = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return " ".join([f"{element}-src", *(sources or ["'none'"])])
