"""visualise: how the network learnt, what it has learnt, as kernels and as what they make of one image."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.data.prepared import Split
from pipeline.figures import style
from pipeline.figures.kernels import draw_edge_auroc, draw_kernels, draw_ridge, draw_types
from pipeline.figures.network import draw_activations, draw_curves, draw_followed
from pipeline.metrics.edges import edge_auroc, mean_absolute_correlation
from pipeline.metrics.kernel_types import (
    INK,
    NONE,
    TYPES,
    edges_and_lines,
    kernel_types,
    least_similarity,
    matches,
)  # fmt: skip
from pipeline.metrics.ridge import RAW, WINDOWS, pooled_responses, ridge_answers
from pipeline.metrics.statistics import wilson_interval
from pipeline.network.kernels import LAPLACIAN, Array, as_convolution, as_pictures
from pipeline.network.ranged import ranged_kernels
from pipeline.tracking.stage import stage

# the first ones: a second or so for each group of kernels
RIDGE_IMAGES: dict[Literal["train", "validation", "test"], int] = {"train": 4000, "validation": 1000, "test": 2000}
RIDGE_KERNELS = 32  # of a group at most, so that there are no more than 1,568 features
RIDGE_DRAWS = 3  # of the random kernels
RIDGE_WORDS = {
    "pixels": "no kernels: pixels, pooled",
    "raw_pixels": "no kernels: pixels",
    "random": "random, in [-1, 0)",
    "edges": "edges and lines",
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


def kernels_to_try(own: Mapping[str, Sequence[Array]], seed: int) -> dict[str, list[Sequence[Array]]]:
    """Return the draws of each group of kernels that ridge regression tries, the network's `own` (height, width) last.

    As many of each group, and of the network's size, but at least 3x3, which an edge needs. No kernels are the pixels.
    The random ones have the article's values, in [-1, 0).
    """
    tried = {name: [kernels[:RIDGE_KERNELS]] for name, kernels in own.items() if kernels}
    count, size = (len(tried["learnt"][0]), max(len(tried["learnt"][0][0]), 3)) if tried else (RIDGE_KERNELS, 3)
    draws = [np.random.default_rng(seed + draw).random((count, size, size)) - 1 for draw in range(RIDGE_DRAWS)]
    edges = edges_and_lines(count, size)
    return {"pixels": [[]], "raw_pixels": [[]], "random": [list(draw) for draw in draws], "edges": [edges], **tried}


def ridge_table(groups: Mapping[str, Sequence[Sequence[Array]]], parts: Sequence[Split], classes: int) -> pd.DataFrame:
    """Return how many test images ridge regression on the pooled responses to each group of kernels gets right.

    Of `train`, `validation` and `test` images a row a group: kernels, count and features of a draw, draws, their mean
    accuracy, low to high, its 95 % Wilson interval, and the lowest and highest accuracy of a draw.
    """

    def right(name: str, kernels: Sequence[Array]) -> tuple[int, NDArray[np.bool_]]:
        most = RAW if name == "raw_pixels" else WINDOWS
        train, validation, test = ((pooled_responses(part.images, kernels, most), part.labels) for part in parts)
        return train[0].shape[1], ridge_answers(train, validation, test, classes)

    rows = []
    with ThreadPoolExecutor(2) as pool:  # two at once are quicker, and still little memory
        fits = {name: [pool.submit(right, name, kernels) for kernels in draws] for name, draws in groups.items()}
        for name, draws in groups.items():
            (features, *_), answers = zip(*(fit.result() for fit in fits[name]), strict=True)
            shares, hits, images = np.mean(answers, axis=1), np.sum(answers) / len(draws), len(answers[0])
            measured = (hits / images, *wilson_interval(hits, images), shares.min(), shares.max())
            rows.append((name, len(draws[0]), features, len(draws), *map(float, measured)))
    columns = ["kernels", "count", "features", "draws", "accuracy", "low", "high", "lowest", "highest"]
    return pd.DataFrame(rows, columns=columns)


def by_type(types: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `kernel_types` in the order of the types, those like none last, the most similar first."""
    order = types["type"].map([*TYPES, NONE].index)
    return types.assign(order=order).sort_values(["order", "similarity"], ascending=[True, False])


def main() -> None:
    """Draw the curves, every convolution's kernels and activation maps, and follow one filter; measure the kernels.

    Without a convolution there are the curves and what other kernels are worth; nothing of the network's is measured.
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
        low, high = demo_settings.low, demo_settings.high
        random = ranged_kernels(demo_settings.kernels, demo_settings.seed, low, high)
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
        own = {name: as_pictures(of_layer[first]) if first else [] for name, of_layer in kernels.items()}
        few = []
        for name, most in RIDGE_IMAGES.items():
            part = prepared.load(name)
            few.append(Split(part.images[:most], part.labels[:most]))
        ridge = ridge_table(kernels_to_try(own, demo_settings.seed), few, len(prepared.class_names()))
        style.save(draw_ridge(ridge.assign(words=ridge["kernels"].map(RIDGE_WORDS))), folder / "ridge.png")
        files.write_text(paths.RIDGE, ridge.to_csv(index=False))
        types, types_before = (kernel_types(own.get(name, [])) for name in ("learnt", "initial"))
        files.write_text(paths.KERNEL_TYPES, types.to_csv(index=False))
        if len(types):
            shown = by_type(types)
            pictures = [own["learnt"][number] for number in shown["filter"]]
            style.save(draw_types(pictures, matches(shown, len(pictures[0])), shown), folder / "types.png")
        labels = {
            "random": f"random, in [{low:g}, {high:g})",
            "initial": "before training",
            "learnt": "learnt",
            "laplacian": "Laplacian",
        }
        if edge["learnt"]:
            style.save(draw_edge_auroc({labels[group]: edge[group] for group in groups}), folder / "edge_auroc.png")
        counts, right = types["type"].value_counts(), ridge.set_index("kernels")["accuracy"].to_dict()
        files.write_json(
            paths.metrics("visualise"),
            {
                **{f"{name.replace(' ', '_')}_filters": int(counts.get(name, 0)) if first else None for name in TYPES},
                "least_similarity": least_similarity(len(own["learnt"][0])) if first else None,
                "initial_matched_filters": int((types_before["type"] != NONE).sum()) if first else None,
                "random_ink_kernels": int((kernel_types(list(random))["type"] == INK).sum()),
                **{f"ridge_accuracy_{name}": right.get(name) for name in RIDGE_WORDS},
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
