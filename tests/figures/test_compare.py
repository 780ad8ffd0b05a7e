"""What is drawn of two runs is what they recorded."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.figures import compare


def history(epochs: int, value: float) -> pd.DataFrame:
    numbers = np.arange(1, epochs + 1)
    return pd.DataFrame({"epoch": numbers, "loss": value / numbers, "val_loss": value / numbers + 0.1})


def test_every_curve_is_drawn_whole_and_named_though_one_run_is_shorter() -> None:
    runs = {"A": history(6, 0.9), "B": history(3, 0.5)}
    (axes,) = compare.draw_curves(runs, "loss").axes
    lines = {str(line.get_label()): line for line in axes.lines}
    assert set(lines) == {"A, training", "A, validation", "B, training", "B, validation"}
    for name, table in runs.items():
        for kind, column in (("training", "loss"), ("validation", "val_loss")):
            line = lines[f"{name}, {kind}"]
            assert np.array_equal(line.get_xdata(), table["epoch"])
            assert np.array_equal(line.get_ydata(), table[column])
            assert line.get_color() == compare.COLOURS[name]


def test_kernels_are_drawn_in_their_order_on_the_given_scale() -> None:
    kernels = list(np.random.default_rng(0).normal(0, 1, (11, 3, 3)).astype(np.float32))
    drawn = [axes.images[0] for axes in compare.draw_kernels(kernels, 2.5).axes if axes.images]
    assert [np.array_equal(image.get_array(), kernel) for image, kernel in zip(drawn, kernels, strict=True)] == [
        True
    ] * 11
    assert {image.get_clim() for image in drawn} == {(-2.5, 2.5)}


def test_the_pixels_of_a_png_are_those_of_the_image() -> None:
    image = np.random.default_rng(1).integers(0, 256, (5, 7)).astype(np.uint8)
    assert np.array_equal(np.array(Image.open(io.BytesIO(compare.pixels(image)))), image)
