"""report: the whole story as one page that needs nothing but itself."""

import base64
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from pipeline.config import params, paths
from pipeline.data import files
from pipeline.tracking.stage import stage

TEMPLATE = Path(__file__).parent / "page/page.html.jinja"

# The validation columns of the article's training log, by epoch
ARTICLE = {
    "val_loss": [0.2958, 0.2093, 0.1689, 0.1385, 0.1216, 0.1103],
    "val_accuracy": [0.9171, 0.9425, 0.9548, 0.9620, 0.9660, 0.9685],
}


def picture(path: Path, alt: str, caption: str = "") -> Markup:
    """Return a figure element with the PNG file inside it."""
    data = base64.b64encode(path.read_bytes()).decode()
    text = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    return Markup('<figure><img src="data:image/png;base64,{}" alt="{}" loading="lazy">{}</figure>').format(
        data, alt, text
    )


def render(content: dict[str, Any]) -> str:
    """Return the page. Raises jinja2.UndefinedError where the template names what `content` lacks."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["picture"] = picture
    environment.filters["thousands"] = thousands
    environment.filters["number"] = number
    environment.filters["percent"] = percent
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(content) + "\n"


def thousands(value: int) -> str:
    """Return a whole number, its thousands apart."""
    return f"{int(value):,}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a measured number, or a dash where there was nothing to measure."""
    return "—" if value is None else f"{float(value):,.{digits}f}"


def percent(share: float, digits: int = 2) -> str:
    """Return a share as a percentage."""
    return f"{100 * float(share):.{digits}f} %"


def main() -> None:
    """Write report/index.html from the metrics and figures of all stages before."""
    with stage("report") as run:
        metrics = {path.stem: files.read_json(path) for path in paths.METRICS.glob("*.json")}
        figures = {path.stem: path for path in paths.FIGURES.glob("*/*.png")}
        page = render(
            {
                "settings": run.params,
                "all_settings": params.flat(run.params),
                "metrics": metrics,
                "figures": figures,
                "history": pd.read_csv(paths.HISTORY).to_dict("records"),
                "article": ARTICLE,
                "layers": files.read_json(paths.LAYERS)["layers"],
                "wrong": pd.read_csv(paths.WRONG).to_dict("records"),
                "per_class": pd.read_csv(paths.CLASSES).to_dict("list"),
            }
        )
        files.write_text(paths.REPORT, page)


if __name__ == "__main__":
    main()
