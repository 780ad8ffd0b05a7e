"""kernel_demo: what random kernels, an edge kernel and max pooling do to one image."""

import numpy as np
import pandas as pd

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.figures import style
from pipeline.figures.kernels import draw_edge, draw_pooling, draw_random
from pipeline.metrics.edges import edge_auroc, filter_response, mean_absolute_correlation
from pipeline.network.kernels import LAPLACIAN, Array
from pipeline.network.ranged import ranged_kernels
from pipeline.tracking.stage import stage


def max_pool(image: Array, size: int = 2) -> Array:
    """Return the largest value of each size x size window: (height, width) to (height // size, width // size)."""
    height, width = (length // size * size for length in image.shape)
    windows = image[:height, :width].reshape(height // size, size, width // size, size)
    return windows.max(axis=(1, 3))  # type: ignore[no-any-return]


def busiest_patch(image: Array, size: int = 4) -> tuple[int, int]:
    """Return the top left corner (row, column), on the pooling grid, of the patch whose values vary most."""
    corners = [
        (row, column)
        for row in range(0, image.shape[0] - size + 1, 2)
        for column in range(0, image.shape[1] - size + 1, 2)
    ]
    return max(corners, key=lambda corner: image[corner[0] :, corner[1] :][:size, :size].std())


def main() -> None:
    """Draw the kernels, their responses and the pooling; measure how well each kernel finds edges."""
    with stage("kernel_demo") as run:
        settings = run.params.kernel_demo
        images = prepared.load("train").images
        index = prepared.choose(settings.image, images, settings.seed, "kernel_demo.image")
        image = np.asarray(images[index])
        measured = np.asarray(images[: settings.measured_images])
        kernels = ranged_kernels(settings.kernels, settings.seed, settings.low, settings.high)
        responses = [filter_response(image, kernel) for kernel in kernels]
        edge = [edge_auroc(kernel, measured) for kernel in kernels]
        laplacian_edge = edge_auroc(LAPLACIAN, measured)
        laplacian_response = filter_response(image, LAPLACIAN)

        folder = paths.figures("kernel_demo")
        random = draw_random(image, kernels, responses, edge, (settings.low, settings.high))
        style.save(random, folder / "random_kernels.png")
        style.save(draw_edge(image, LAPLACIAN, laplacian_response, laplacian_edge), folder / "edge_kernel.png")
        pooling = draw_pooling(laplacian_response, max_pool(laplacian_response), busiest_patch(laplacian_response))
        style.save(pooling, folder / "max_pooling.png")
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
                "random_mean_absolute_correlation": mean_absolute_correlation(kernels, measured),
            },
        )


if __name__ == "__main__":
    main()
