"""visualise: how the network learnt, what it has learnt, as kernels and as what they make of one image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.figures import style
from pipeline.figures.kernels import draw_edge_auroc, draw_kernels, draw_ridge, draw_types
from pipeline.figures.network import draw_activations, draw_curves, draw_followed
from pipeline.metrics.edges import edge_auroc, mean_absolute_correlation
from pipeline.metrics.kernel_types import by_type, kernel_types, matches, type_counts
from pipeline.metrics.kernel_worth import kernels_to_try, ridge_table
from pipeline.network.kernels import LAPLACIAN, Array, as_convolution, as_pictures, edge_bank
from pipeline.network.ranged import ranged_kernels
from pipeline.tracking.stage import stage

# the first ones: a second or so for each group of kernels
RIDGE_IMAGES: dict[Literal["train", "validation", "test"], int] = {"train": 4000, "validation": 1000, "test": 2000}
WORDS = {  # for the groups of kernels
    "pixels": "no kernels: pixels, pooled",
    "raw_pixels": "no kernels: pixels",
    "random": "random, in [-1, 0)",
    "edges": "edges and lines",
    "initial": "before training",
    "learnt": "learnt",
    "laplacian": "Laplacian",
}
TOWARDS = "↓↙←↖↑↗→↘"  # the bright side to which each of a turned edge kernel answers, in `edge_bank`'s order

Kernels = Sequence[Array]  # (height, width) each


class Network(NamedTuple):
    """What training and evaluation left of the network: by convolution, in their order; nothing where there is none."""

    initial: dict[str, NDArray[np.float32]]  # kernels (height, width, channels, filters)
    learnt: dict[str, NDArray[np.float32]]
    maps: dict[str, dict[str, NDArray[np.float32]]]  # by layer after it too, of one image: (height, width, filters)
    image: NDArray[np.uint8]  # that one


def read_network() -> Network:
    """Return what the stages before left."""
    with np.load(paths.ACTIVATIONS) as saved:
        index = int(saved["image"])
        maps = by_first_name({name: saved[name] for name in saved if name != "image"})
    with np.load(paths.TRAINED_KERNELS) as saved:
        kernels = by_first_name(dict(saved))
    image = np.asarray(prepared.load("test").images[index])
    return Network(kernels.get("initial", {}), kernels.get("learnt", {}), maps, image)


def by_first_name(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Return arrays named `first/second` as first: {second: array}, in their order."""
    found: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, array in arrays.items():
        first, second = name.split("/")
        found.setdefault(first, {})[second] = array
    return found


def draw_network(network: Network, number: int, folder: Path) -> None:
    """Draw each convolution's kernels, learnt and before, and activation maps; follow one filter of the first."""
    for layer, places in network.maps.items():
        after, before = as_pictures(network.learnt[layer]), as_pictures(network.initial[layer])
        highest = max(float(np.abs(kernel).max()) for kernel in [*after, *before])
        numbers = [str(place) for place in range(len(after))]
        learnt = draw_kernels(after, numbers, f"{layer}: the {len(after)} kernels after training", highest)
        style.save(learnt, folder / f"kernels_{layer}.png")
        initial = draw_kernels(before, numbers, f"{layer}: before training, on the same scale", highest)
        style.save(initial, folder / f"kernels_{layer}_before.png")
        style.save(draw_activations(next(iter(places.values())), layer), folder / f"activations_{layer}.png")
    first = next(iter(network.maps))
    followed = {layer: activation[:, :, number] for layer, activation in network.maps[first].items()}
    chosen = network.learnt[first][:, :, 0, number]
    style.save(draw_followed(network.image, chosen, followed, number), folder / "filter.png")


def draw_others(random: Array, folder: Path) -> None:
    """Draw kernels that nobody trained, each over its largest value: random ones (n, 3, 3), and edges."""

    def over_largest(kernels: Array) -> Kernels:
        return [kernel / np.abs(kernel).max() for kernel in kernels]

    numbers = [str(place) for place in range(len(random))]
    heading = "Random kernels, each over its largest value"
    style.save(draw_kernels(over_largest(random), numbers, heading, 1.0), folder / "kernels_random.png")
    laplacian, *turned = over_largest(edge_bank())
    names = [*(f"{name}\n{arrow}" for name in ("Sobel", "Prewitt") for arrow in TOWARDS), "Laplacian"]
    heading = "Kernels made for edges, each over its largest value"
    style.save(draw_kernels([*turned, laplacian], names, heading, 1.0), folder / "kernels_edges.png")


def edge_measures(groups: Mapping[str, Kernels], images: NDArray[np.uint8]) -> dict[str, list[float]]:
    """Return the edge AUROC of each kernel of each group over images (n, height, width), where there is one."""
    measures = {group: [edge_auroc(kernel, images) for kernel in kernels] for group, kernels in groups.items()}
    return {group: [value for value in values if value is not None] for group, values in measures.items()}


def edge_results(edge: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    """Return mean and range of the edge AUROC of learnt kernels, and the mean of those before; None without any."""
    learnt, initial = edge["learnt"], edge["initial"]
    return {
        "learnt_edge_auroc": float(np.mean(learnt)) if learnt else None,
        "learnt_edge_auroc_lowest": min(learnt, default=None),
        "learnt_edge_auroc_highest": max(learnt, default=None),
        "initial_edge_auroc": float(np.mean(initial)) if initial else None,
    }


def training_results(network: Network, layer: str) -> dict[str, float]:
    """Return how many activation maps of a convolution are 0 everywhere, and how far training moved its kernels."""
    maps = next(iter(network.maps[layer].values()))
    before, after = network.initial[layer], network.learnt[layer]
    change = float(np.linalg.norm(after - before) / np.linalg.norm(before))
    return {"dead_filters": int((maps == 0).all(axis=(0, 1)).sum()), "relative_weight_change": change}


def main() -> None:
    """Draw the curves, every convolution's kernels and activation maps, and follow one filter; measure the kernels.

    Without a convolution there are the curves and what other kernels are worth; nothing of the network's is measured.
    """
    with stage("visualise") as run:
        demo = run.params.kernel_demo
        network = read_network()
        first = next(iter(network.maps), None)
        initial, learnt = (as_pictures(layers[first]) if first else [] for layers in (network.initial, network.learnt))
        random = ranged_kernels(demo.kernels, demo.seed, demo.low, demo.high)
        measured = np.asarray(prepared.load("train").images[: demo.measured_images])
        few = [(prepared.load(name), most) for name, most in RIDGE_IMAGES.items()]

        groups: dict[str, Kernels] = {
            "random": list(random),
            "initial": [as_convolution(kernel) for kernel in initial],
            "learnt": [as_convolution(kernel) for kernel in learnt],
            "laplacian": [LAPLACIAN],
        }
        edge = edge_measures(groups, measured)
        types, types_before = kernel_types(learnt), kernel_types(initial)
        tried = kernels_to_try({"initial": initial, "learnt": learnt}, demo.seed)
        parts = [(part.images[:most], part.labels[:most]) for part, most in few]
        ridge = ridge_table(tried, parts, len(prepared.class_names()))

        folder = paths.figures("visualise")
        best = files.read_json(paths.metrics("train"))["best_epoch"]
        style.save(draw_curves(pd.read_csv(paths.HISTORY), best), folder / "curves.png")
        style.save(draw_ridge(ridge.assign(words=ridge["kernels"].map(WORDS))), folder / "ridge.png")
        if first:
            draw_network(network, run.params.visualise.filter, folder)
            draw_others(random, folder)
            shown = by_type(types)
            pictures = [learnt[number] for number in shown["filter"]]
            style.save(draw_types(pictures, matches(shown, len(pictures[0])), shown), folder / "types.png")
        if edge["learnt"]:
            words = WORDS | {"random": f"random, in [{demo.low:g}, {demo.high:g})"}
            style.save(draw_edge_auroc({words[group]: edge[group] for group in groups}), folder / "edge_auroc.png")

        files.write_text(paths.RIDGE, ridge.to_csv(index=False))
        files.write_text(paths.KERNEL_TYPES, types.to_csv(index=False))
        right = ridge.set_index("kernels")["accuracy"].to_dict()
        files.write_json(
            paths.metrics("visualise"),
            {
                **type_counts(types, types_before, kernel_types(groups["random"]), len(learnt[0]) if learnt else None),
                **{f"ridge_accuracy_{name}": right.get(name) for name in WORDS if name != "laplacian"},
                **edge_results(edge),
                "learnt_mean_absolute_correlation": mean_absolute_correlation(groups["learnt"], measured),
                "initial_mean_absolute_correlation": mean_absolute_correlation(groups["initial"], measured),
                **(training_results(network, first) if first else {"dead_filters": 0, "relative_weight_change": None}),
            },
        )


if __name__ == "__main__":
    main()
