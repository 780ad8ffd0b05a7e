"""The page from its template: pictures inside it, numbers written out, nothing fetched from anywhere."""

import base64
import json
import struct
from pathlib import Path
from typing import Any, Literal

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup

TEMPLATE = Path(__file__).with_name("page.html.jinja")

# The validation columns of the article's training log, by epoch
ARTICLE = {
    "val_loss": [0.2958, 0.2093, 0.1689, 0.1385, 0.1216, 0.1103],
    "val_accuracy": [0.9171, 0.9425, 0.9548, 0.9620, 0.9660, 0.9685],
}


@jinja2.pass_context
def picture(
    context: Context, path: Path, caption: str, kind: Literal["chart", "images"] = "images", **more: Any
) -> Markup:
    """Return a figure element with the PNG file inside it, which a click or the space bar enlarges.

    `caption` names a file of captions/: a line for those who cannot see the picture, an empty one, and what stands
    under it; both are templated with what the page is. A page in the dark turns a chart's colours, and dims images.
    """
    template = context.environment.get_template(f"captions/{caption}.jinja")
    alt, text = template.render({**context.get_all(), **more}).strip().split("\n\n")
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # PNG's header: with them a page is laid out before it is read
    return Markup(
        '<figure class="{}"><label><input type="checkbox" aria-label="Enlarge: {}">'
        '<span class="frame"><img src="{}" alt="{}" width="{}" height="{}"></span></label>'
        "<figcaption>{}</figcaption></figure>"
    ).format(kind, Markup(alt), data_url(content, "image/png"), Markup(alt), width, height, Markup(text))


def code(name: str) -> Markup:
    """Return the few lines of Python of code/, each of which goes on where the one before ends, to be unfolded."""
    text = (TEMPLATE.parent / f"code/{name}.txt").read_text(encoding="utf-8")
    frame = '<details><summary>In code</summary><pre tabindex="0"><code>{}</code></pre></details>'
    return Markup(frame).format(text.rstrip())


def embed(content: bytes, media_type: str, alt: str, caption: str = "") -> Markup:
    """Return a figure element with a picture inside it."""
    text = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    return Markup('<figure><img src="{}" alt="{}">{}</figure>').format(data_url(content, media_type), alt, text)


def data_url(content: bytes, media_type: str) -> str:
    """Return an address that holds the content itself."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def render(content: dict[str, Any], template: Path = TEMPLATE) -> str:
    """Return a page from its template, which may extend base.html.jinja.

    Raises jinja2.UndefinedError where the template names what `content` lacks.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATE.parent, template.parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"picture": picture, "code": code}
    environment.filters["thousands"] = thousands
    environment.filters["number"] = number
    environment.filters["percent"] = percent
    environment.filters["yaml"] = as_yaml
    environment.filters["signed"] = signed
    return environment.get_template(template.name).render(content) + "\n"


def thousands(value: int) -> str:
    """Return a whole number, its thousands apart."""
    return f"{int(value):,}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a measured number, or a dash where there was nothing to measure."""
    return "—" if value is None else f"{float(value):,.{digits}f}"


def signed(value: float) -> str:
    """Return a number as short as it is, with a minus sign rather than a hyphen."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def percent(share: float, digits: int = 2) -> str:
    """Return a share as a percentage."""
    return f"{100 * float(share):.{digits}f} %"


def as_yaml(value: Any) -> str:
    """Return a setting as params.yaml has it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
