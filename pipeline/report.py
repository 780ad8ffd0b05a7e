"""report: the whole story as one page that needs nothing but itself."""

import pandas as pd

from pipeline.config import params, paths
from pipeline.data import files
from pipeline.page.page import ARTICLE, render
from pipeline.tracking.stage import stage


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
        page = render(
            {
                "settings": run.params,
                "all_settings": params.flat(run.params),
                "metrics": metrics,
                "figures": figures,
                "history": pd.read_csv(paths.HISTORY).to_dict("records"),
                "article": ARTICLE,
                "layers": files.read_json(paths.LAYERS)["layers"],
                "misclassified": pd.read_csv(paths.MISCLASSIFIED).to_dict("records"),
                "per_class": pd.read_csv(paths.CLASSES).to_dict("list"),
            }
        )
        files.write_text(paths.REPORT, page)


if __name__ == "__main__":
    main()
