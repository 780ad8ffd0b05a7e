"""report: the whole story as one page that needs nothing but itself."""

from pathlib import Path

import pandas as pd

from pipeline.config import params, paths
from pipeline.data import files
from pipeline.page.page import ARTICLE, render
from pipeline.tracking.stage import stage


def read_table(path: Path) -> pd.DataFrame:
    """Read a table whose classes may be named 01, NA or None."""
    return pd.read_csv(path, dtype={"class": str}, keep_default_na=False, na_values=[""])


def main() -> None:
    """Write report/index.html from the metrics and figures that dvc.yaml names: what else lies there is not ours."""
    with stage("report") as run:
        metrics = {
            path.stem: files.read_json(path)
            for path in run.inputs
            if path.parent == paths.METRICS and path.suffix == ".json"
        }
        figures = {
            folder.name: {path.stem: path for path in sorted(folder.glob("*.png"))}
            for folder in run.inputs
            if folder.parent == paths.FIGURES
        }
        # of data of one's own the name, and not in whose home they lie
        places = {
            f"fetch.{key}": Path(place).name
            for key in ("dataset", "source")
            if (place := getattr(run.params.fetch, key))
        }
        page = render(
            {
                "settings": run.params,
                "all_settings": params.flat(run.params) | places,
                "metrics": metrics,
                "figures": figures,
                "history": pd.read_csv(paths.HISTORY).to_dict("records"),
                "article": ARTICLE,
                "layers": files.read_json(paths.LAYERS)["layers"],
                "misclassified": read_table(paths.MISCLASSIFIED).to_dict("records"),
                "robustness": pd.read_csv(paths.ROBUSTNESS).to_dict("records"),
                "shifts": pd.read_csv(paths.SHIFTS).to_dict("records"),
                "per_class": read_table(paths.CLASSES).to_dict("list"),
            }
        )
        files.write_text(paths.REPORT, page)


if __name__ == "__main__":
    main()
