"""visualise: how the network learnt, what it has learnt, as kernels and as what they make of one image."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.figures import style
from pipeline.figures.kernels import draw_edge_auroc, draw_kernels
from pipeline.figures.network import draw_activations, draw_curves, draw_followed
from pipeline.metrics.edges import edge_auroc, mean_absolute_correlation
from pipeline.network.kernels import LAPLACIAN, Array, as_convolution, as_pictures, random_kernels
from pipeline.tracking.stage import stage


def by_first_name(arrays: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return arrays named `first/second` as first: {second: array}, in their order."""
    found: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        first, second = name.split("/")
        found.setdefault(first, {})[second] = array
    return found


def main() -> None:
    """Draw the curves, every convolution's kernels and activation maps, and follow one filter; measure the kernels.

    Without a convolution there are the curves alone, and nothing of the network's own is measured.
    """
    with stage("visualise") as run:
        settings, demo_settings = run.params.visualise, run.params.kernel_demo
        with np.load(paths.ACTIVATIONS) as saved:
            index = int(saved["image"])
            maps = by_first_name({name: saved[name] for name in saved if name != "image"})
        image = np.asarray(prepared.load("test").images[index])
        with np.load(paths.TRAINED_KERNELS) as saved:
            kernels = by_first_name(dict(saved))
        initial, learnt = kernels.get("initial", {}), kernels.get("learnt", {})
        first = next(iter(maps), None)
        random = random_kernels(demo_settings.kernels, demo_settings.seed)
        named = {str(number): kernel for number, kernel in enumerate(random)} | {"Laplace": LAPLACIAN}

        folder = paths.figures("visualise")
        for name, places in maps.items():
            demo = named if name == first else {}
            after, before = as_pictures(learnt[name]), as_pictures(initial[name])
            style.save(draw_kernels(after, before, demo), folder / f"kernels_{name}.png")
            style.save(draw_activations(next(iter(places.values())), name), folder / f"activations_{name}.png")
        dead, change = 0, None
        if first:
            chosen = learnt[first][:, :, 0, settings.filter]
            followed = {layer: activation[:, :, settings.filter] for layer, activation in maps[first].items()}
            style.save(draw_followed(image, chosen, followed, settings.filter), folder / "filter.png")
            dead = int((next(iter(maps[first].values())) == 0).all(axis=(0, 1)).sum())
            change = float(np.linalg.norm(learnt[first] - initial[first]) / np.linalg.norm(initial[first]))
        best = files.read_json(paths.metrics("train"))["best_epoch"]
        style.save(draw_curves(pd.read_csv(paths.HISTORY), best), folder / "curves.png")

        measured = np.asarray(prepared.load("train").images[: demo_settings.measured_images])
        groups = {
            "random": list(random),
            "initial": [as_convolution(kernel) for kernel in as_pictures(initial[first])] if first else [],
            "learnt": [as_convolution(kernel) for kernel in as_pictures(learnt[first])] if first else [],
            "laplacian": [LAPLACIAN],
        }
        edge = {
            group: [value for kernel in of_group if (value := edge_auroc(kernel, measured)) is not None]
            for group, of_group in groups.items()
        }
        labels = {
            "random": "random, in [-1, 0)",
            "initial": "before training",
            "learnt": "learnt",
            "laplacian": "Laplacian",
        }
        if edge["learnt"]:
            style.save(draw_edge_auroc({labels[group]: edge[group] for group in groups}), folder / "edge_auroc.png")
        files.write_json(
            paths.metrics("visualise"),
            {
                "dead_filters": dead,
                "learnt_edge_auroc": float(np.mean(edge["learnt"])) if edge["learnt"] else None,
                "learnt_edge_auroc_lowest": min(edge["learnt"], default=None),
                "learnt_edge_auroc_highest": max(edge["learnt"], default=None),
                "initial_edge_auroc": float(np.mean(edge["initial"])) if edge["initial"] else None,
                "learnt_mean_absolute_correlation": mean_absolute_correlation(groups["learnt"], measured),
                "initial_mean_absolute_correlation": mean_absolute_correlation(groups["initial"], measured),
                "relative_weight_change": change,
            },
        )


if __name__ == "__main__":
    main()
