"""visualise: what the network has learnt, as kernels and as what they make of one image."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline import prepare
from pipeline.config import paths
from pipeline.data import files
from pipeline.figures import style as figures
from pipeline.metrics.edges import edge_auroc, likeness, response
from pipeline.network.kernels import LAPLACIAN, Array, random_kernels
from pipeline.tracking.stage import stage


def by_first_name(arrays: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return arrays named `first/second` as first: {second: array}, in their order."""
    found: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        first, second = name.split("/")
        found.setdefault(first, {})[second] = array
    return found


def as_pictures(kernels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return a kernel (height, width) a filter from (height, width, channels, filters): its strongest channel."""
    strength = np.linalg.norm(kernels, axis=(0, 1))  # (channels, filters)
    strongest = strength.argmax(axis=0)
    return [kernels[:, :, channel, number] for number, channel in enumerate(strongest)]


def as_convolution(kernel: Array) -> Array:
    """Return the kernel (height, width) whose convolution is what Keras computes, the cross-correlation: flipped."""
    return kernel[::-1, ::-1]


def draw_kernels(learnt: NDArray[np.float32], initial: NDArray[np.float32], demo: Mapping[str, Array]) -> Figure:
    """Draw a layer's kernels after and before training on one scale around 0, and named kernels each on its own."""
    after, before = as_pictures(learnt), as_pictures(initial)
    highest = max(float(np.abs(kernel).max()) for kernel in after + before)
    numbers = [str(number) for number in range(len(after))]
    groups = [
        (f"learnt: the {len(after)} filters after training", numbers, after, highest),
        ("before training, on the same scale", numbers, before, highest),
    ]
    if demo:
        relative = [kernel / np.abs(kernel).max() for kernel in demo.values()]
        groups.append(("the kernels of the demo, each over its largest value", list(demo), relative, 1.0))
    columns = 16
    heights = [figures.mosaic_height(kernels, titles, columns) for _, titles, kernels, _ in groups]
    figure, axes = figures.canvas(len(groups), 1, sum(heights) + 0.4 * len(groups), height_ratios=heights)
    for place, (heading, titles, kernels, scale) in zip(axes.flat, groups, strict=True):
        place.set_title(heading, fontsize="large")
        drawn = figures.mosaic(place, kernels, titles, columns, cmap="RdBu_r", vmin=-scale, vmax=scale)
        figure.colorbar(drawn, ax=place, pad=0.01, aspect=8 * -(-len(kernels) // columns))
    return figure


def draw_activations(maps: NDArray[np.float32], layer: str) -> Figure:
    """Draw activation maps (height, width, filters) in filter order, on one scale from or around 0."""
    height, width, filters = maps.shape
    heading = f"{layer}: {filters} activation maps of {height}x{width}"
    pictures, titles = list(np.moveaxis(maps, -1, 0)), [str(number) for number in range(filters)]
    return figures.image_grid(pictures, titles, heading, scale="symmetric" if maps.min() < 0 else "common")


def draw_followed(image: NDArray[np.uint8], kernel: Array, stations: Mapping[str, Array], number: int) -> Figure:
    """Draw an image, one kernel with its numbers, and what the filter's map is after each named layer."""
    figure, (places,) = figures.canvas(1, 2 + len(stations), height=8 / (2 + len(stations)) + 0.5)
    figure.suptitle(f"Filter {number} followed through the network")
    figures.show(places[0], image, "the image")
    highest = float(np.abs(kernel).max())
    figures.show(places[1], kernel, f"kernel {number}", cmap="RdBu_r", vmin=-highest, vmax=highest)
    if kernel.size <= 25:
        figures.write_numbers(places[1], kernel, "{:.2f}", dark=-highest * 0.6, light=highest * 0.6)
    for place, (layer, picture) in zip(places[2:], stations.items(), strict=True):
        figures.show(place, picture, f"after {layer}, {picture.shape[0]}x{picture.shape[1]}")
    return figure


def draw_edge_auroc(groups: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the edge AUROC of every kernel of each group, and each group's mean."""
    figure, ((axes,),) = figures.canvas(1, 1, height=0.45 * len(groups) + 1.0)
    for row, values in enumerate(groups.values()):
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.scatter(values, row + spread, s=14, color=figures.BLUE, alpha=0.7, linewidths=0)
        axes.plot([np.mean(values)] * 2, [row - 0.35, row + 0.35], color=figures.ORANGE, linewidth=2)
    axes.axvline(0.5, color=figures.GREY, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="edge AUROC: below 0.5 stronger on flat ink, above 0.5 stronger on edges")
    axes.set_title("Which kernels tell edges from flat ink (orange: mean)")
    return figure


def main() -> None:
    """Draw every convolution's kernels and activation maps, and follow one filter; measure the kernels."""
    with stage("visualise") as run:
        settings, demo_settings = run.params.visualise, run.params.kernel_demo
        with np.load(paths.ACTIVATIONS) as saved:
            index = int(saved["image"])
            maps = by_first_name({name: saved[name] for name in saved if name != "image"})
        image = np.asarray(prepare.load("test").images[index])
        with np.load(paths.TRAINED_KERNELS) as saved:
            initial, learnt = by_first_name(dict(saved)).values()
        first = next(iter(maps))
        random = random_kernels(demo_settings.kernels, demo_settings.seed)
        named = {str(number): kernel for number, kernel in enumerate(random)} | {"Laplace": LAPLACIAN}

        folder = paths.figures("visualise")
        for name, places in maps.items():
            demo = named if name == first else {}
            figures.save(draw_kernels(learnt[name], initial[name], demo), folder / f"kernels_{name}.png")
            figures.save(draw_activations(next(iter(places.values())), name), folder / f"activations_{name}.png")
        chosen = learnt[first][:, :, 0, settings.filter]
        followed = {layer: activation[:, :, settings.filter] for layer, activation in maps[first].items()}
        figures.save(draw_followed(image, chosen, followed, settings.filter), folder / "filter.png")

        measured = np.asarray(prepare.load("train").images[: demo_settings.measured_images])
        groups = {
            "random": list(random),
            "initial": [as_convolution(kernel) for kernel in as_pictures(initial[first])],
            "learnt": [as_convolution(kernel) for kernel in as_pictures(learnt[first])],
            "laplacian": [LAPLACIAN],
        }
        edge = {
            group: [value for kernel in kernels if (value := edge_auroc(kernel, measured)) is not None]
            for group, kernels in groups.items()
        }
        labels = {
            "random": "random, in [-1, 0)",
            "initial": "before training",
            "learnt": "learnt",
            "laplacian": "Laplacian",
        }
        drawn = {labels[group]: values for group, values in edge.items() if values}
        if drawn:
            figures.save(draw_edge_auroc(drawn), folder / "edge_auroc.png")
        files.write_json(
            paths.metrics("visualise"),
            {
                "visualise_image": index,
                "silent_maps": int((next(iter(maps[first].values())) == 0).all(axis=(0, 1)).sum()),
                "learnt_edge_auroc": float(np.mean(edge["learnt"])) if edge["learnt"] else None,
                "learnt_edge_auroc_lowest": min(edge["learnt"], default=None),
                "learnt_edge_auroc_highest": max(edge["learnt"], default=None),
                "initial_edge_auroc": float(np.mean(edge["initial"])) if edge["initial"] else None,
                "learnt_likeness": likeness([response(image, kernel) for kernel in groups["learnt"]]),
                "initial_likeness": likeness([response(image, kernel) for kernel in groups["initial"]]),
                "kernel_change": float(np.linalg.norm(learnt[first] - initial[first]) / np.linalg.norm(initial[first])),
            },
        )


if __name__ == "__main__":
    main()
