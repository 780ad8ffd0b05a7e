"""kernel_demo: what random kernels, an edge kernel and max pooling do to one image."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline import prepare
from pipeline.config import paths
from pipeline.data import files
from pipeline.figures import style as figures
from pipeline.metrics.edges import edge_auroc, likeness, response
from pipeline.network.kernels import LAPLACIAN, Array, random_kernels
from pipeline.tracking.stage import stage


def max_pool(image: Array, size: int = 2) -> Array:
    """Return the largest value of each size x size window: (height, width) to (height // size, width // size)."""
    height, width = (length // size * size for length in image.shape)
    windows = image[:height, :width].reshape(height // size, size, width // size, size)
    return windows.max(axis=(1, 3))  # type: ignore[no-any-return]


def draw_random(image: NDArray[np.uint8], kernels: Array, responses: list[Array], edge: list[float | None]) -> Figure:
    """Draw an image, and beside it each random kernel above its response, with its edge AUROC."""
    columns = 5
    rows = -(-len(kernels) // columns)
    figure, axes = figures.canvas(2 * rows, columns + 1, height=2.2 * rows + 0.3, height_ratios=[0.6, 1] * rows)
    figure.suptitle("Random kernels, and what they make of the image")
    for place in axes.flat:
        place.set_axis_off()
    figures.show(axes[1, 0], image, "the image")
    for number, (kernel, result, measure) in enumerate(zip(kernels, responses, edge, strict=True)):
        above, below = axes[2 * (number // columns) :, 1 + number % columns][:2]
        figures.show(above, kernel, f"kernel {number}", vmin=-1, vmax=0)
        figures.show(below, result, "response" if measure is None else f"edge AUROC {measure:.2f}")
    return figure


def draw_edge(image: NDArray[np.uint8], edge_response: Array, edge: float | None) -> Figure:
    """Draw an image, the Laplacian kernel with its numbers, and its response."""
    figure, ((original, kernel, result),) = figures.canvas(1, 3, height=2.9)
    figure.suptitle("The Laplacian edge kernel")
    figures.show(original, image, "the image")
    figures.show(kernel, LAPLACIAN, "the kernel", cmap="RdBu_r", vmin=-4, vmax=4)
    figures.write_numbers(kernel, LAPLACIAN, dark=-2)
    figures.show(result, edge_response, "its response" + (f", edge AUROC {edge:.2f}" if edge is not None else ""))
    return figure


def busiest_patch(image: Array, size: int = 4) -> tuple[int, int]:
    """Return the top left corner (row, column), on the pooling grid, of the patch whose values vary most."""
    corners = [
        (row, column)
        for row in range(0, image.shape[0] - size + 1, 2)
        for column in range(0, image.shape[1] - size + 1, 2)
    ]
    return max(corners, key=lambda corner: image[corner[0] :, corner[1] :][:size, :size].std())


def draw_pooling(picture: Array) -> Figure:
    """Draw a response (height, width), a 4x4 patch of it with its numbers, the patch pooled, and all of it pooled."""
    row, column = busiest_patch(picture)
    patch = picture[row : row + 4, column : column + 4]
    pooled = max_pool(picture)
    scale = {"vmin": picture.min(), "vmax": picture.max()}
    middle = (picture.min() + picture.max()) / 2
    figure, ((whole, before, after, small),) = figures.canvas(1, 4, height=2.5)
    figure.suptitle("Max pooling keeps the largest of each 2x2 window")
    figures.show(whole, picture, "response, {}x{}".format(*picture.shape), **scale)
    whole.add_patch(Rectangle((column - 0.5, row - 0.5), 4, 4, fill=False, edgecolor=figures.ORANGE, linewidth=2))
    figures.show(before, patch, "the marked 4x4 patch", **scale)
    figures.write_numbers(before, patch, dark=middle)
    for top in (0, 2):
        for left in (0, 2):
            before.add_patch(
                Rectangle((left - 0.5, top - 0.5), 2, 2, fill=False, edgecolor=figures.ORANGE, linewidth=2)
            )
    figures.show(after, max_pool(patch), "pooled to 2x2", **scale)
    figures.write_numbers(after, max_pool(patch), dark=middle)
    figures.show(small, pooled, "all of it pooled, {}x{}".format(*pooled.shape), **scale)
    small.add_patch(
        Rectangle((column / 2 - 0.5, row / 2 - 0.5), 2, 2, fill=False, edgecolor=figures.ORANGE, linewidth=2)
    )
    return figure


def main() -> None:
    """Draw the kernels, their responses and the pooling; measure how well each kernel finds edges."""
    with stage("kernel_demo") as run:
        settings = run.params.kernel_demo
        images = prepare.load("train").images
        index = prepare.choose(settings.image, images, settings.seed, "kernel_demo.image")
        image = np.asarray(images[index])
        measured = np.asarray(images[: settings.measured_images])
        kernels = random_kernels(settings.kernels, settings.seed)
        responses = [response(image, kernel) for kernel in kernels]
        edge = [edge_auroc(kernel, measured) for kernel in kernels]
        laplacian_edge = edge_auroc(LAPLACIAN, measured)
        laplacian_response = response(image, LAPLACIAN)

        folder = paths.figures("kernel_demo")
        figures.save(draw_random(image, kernels, responses, edge), folder / "random_kernels.png")
        figures.save(draw_edge(image, laplacian_response, laplacian_edge), folder / "edge_kernel.png")
        figures.save(draw_pooling(laplacian_response), folder / "max_pooling.png")
        table = pd.DataFrame({"kernel": [*range(len(edge)), "Laplacian"], "edge_auroc": [*edge, laplacian_edge]})
        files.write_text(paths.KERNELS, table.to_csv(index=False))
        known = [value for value in edge if value is not None]
        files.write_json(
            paths.metrics("kernel_demo"),
            {
                "kernel_demo_image": index,
                "laplacian_edge_auroc": laplacian_edge,
                "random_edge_auroc": float(np.mean(known)) if known else None,
                "random_edge_auroc_lowest": min(known, default=None),
                "random_edge_auroc_highest": max(known, default=None),
                "random_likeness": likeness(responses),
            },
        )


if __name__ == "__main__":
    main()
