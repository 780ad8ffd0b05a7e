"""visualise: how the network learnt, what it has learnt, as kernels and as what they make of one image."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.data.prepared import Split
from pipeline.figures import style
from pipeline.figures.kernels import draw_edge_auroc, draw_kernels, draw_ridge, draw_types
from pipeline.figures.network import draw_activations, draw_curves, draw_followed
from pipeline.metrics.edges import edge_auroc, mean_absolute_correlation
from pipeline.metrics.kernel_types import TYPES, kernel_types, least_similarity, matches
from pipeline.metrics.ridge import pooled_responses, ridge_answers
from pipeline.metrics.statistics import wilson_interval
from pipeline.network.kernels import LAPLACIAN, Array, as_convolution, as_pictures, edge_bank, random_kernels
from pipeline.tracking.stage import stage

RANDOM = 32  # random kernels where the network has none to compare with
# the first ones: a second or so for each group of kernels
RIDGE_IMAGES: dict[Literal["train", "validation", "test"], int] = {"train": 4000, "validation": 1000, "test": 2000}
RIDGE_WORDS = {
    "pixels": "no kernels: the pixels, pooled",
    "random": "random, in [-1, 0)",
    "edges": "edge kernels",
    "initial": "before training",
    "learnt": "learnt",
}


def by_first_name(arrays: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return arrays named `first/second` as first: {second: array}, in their order."""
    found: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        first, second = name.split("/")
        found.setdefault(first, {})[second] = array
    return found


def ridge_table(groups: Mapping[str, Sequence[Array]], parts: list[Split], classes: int) -> pd.DataFrame:
    """Return how many test images ridge regression on the pooled responses of each group of kernels gets right.

    A row a group, of `train`, `validation` and `test` images: kernels, count, features, accuracy, and low to high, its
    95 % Wilson interval. A group without kernels is the pixels themselves.
    """
    rows = []
    for name, kernels in groups.items():
        train, validation, test = ((pooled_responses(part.images, kernels), part.labels) for part in parts)
        right = ridge_answers(train, validation, test, classes)
        low, high = wilson_interval(int(right.sum()), len(right))
        rows.append((name, len(kernels), train[0].shape[1], float(right.mean()), low, high))
    return pd.DataFrame(rows, columns=["kernels", "count", "features", "accuracy", "low", "high"])


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
        first_kernels = {name: as_pictures(of_layer[first]) if first else [] for name, of_layer in kernels.items()}
        many = random_kernels(len(first_kernels.get("learnt", [])) or RANDOM, demo_settings.seed)
        tried = {"pixels": [], "random": list(many), "edges": list(edge_bank()), **first_kernels}
        few = []
        for name, count in RIDGE_IMAGES.items():
            part = prepared.load(name)
            few.append(Split(part.images[:count], part.labels[:count]))
        ridge = ridge_table(tried, few, len(prepared.class_names()))
        style.save(draw_ridge(ridge.assign(words=ridge["kernels"].map(RIDGE_WORDS))), folder / "ridge.png")
        files.write_text(paths.RIDGE, ridge.to_csv(index=False))
        types = kernel_types(first_kernels.get("learnt", []))
        files.write_text(paths.KERNEL_TYPES, types.to_csv(index=False))
        if len(types):
            sorted_types = types.sort_values(["type", "similarity"], ascending=[True, False])
            shown = [first_kernels["learnt"][number] for number in sorted_types["filter"]]
            style.save(draw_types(shown, matches(sorted_types, len(shown[0])), sorted_types), folder / "types.png")
        labels = {
            "random": "random, in [-1, 0)",
            "initial": "before training",
            "learnt": "learnt",
            "laplacian": "Laplacian",
        }
        if edge["learnt"]:
            style.save(draw_edge_auroc({labels[group]: edge[group] for group in groups}), folder / "edge_auroc.png")
        counts = types["type"].value_counts()
        files.write_json(
            paths.metrics("visualise"),
            {
                **{f"{name.replace(' ', '_')}_filters": int(counts.get(name, 0)) for name in TYPES},
                "least_similarity": least_similarity(len(first_kernels["learnt"][0])) if first else None,
                **{f"ridge_accuracy_{row.kernels}": row.accuracy for row in ridge.itertuples()},
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
