"""Every figure of the project: the same bytes each time, honest scales, no text cut off or on another."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from pipeline.figures import calibration as calibration_figures
from pipeline.figures import kernels as kernel_figures
from pipeline.figures import network as network_figures
from pipeline.figures import predictions, style
from pipeline.figures import studies as study_figures
from pipeline.figures import trials as trial_figures
from pipeline.kernel_demo import max_pool
from pipeline.metrics.calibration import area_under_risk_coverage, reliability, risk_coverage, selective_accuracy
from pipeline.metrics.edges import filter_response
from pipeline.metrics.kernel_types import kernel_types, matches
from pipeline.network.kernels import LAPLACIAN, random_kernels
from pipeline.sources.datasets import KNOWN

IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)

EDGES = filter_response(IMAGE, LAPLACIAN)

PICTURES = [np.array([[-2.0, 1.0]]), np.array([[3.0, 0.5]]), np.array([[0.0, 0.25]])]


def numbers() -> np.random.Generator:
    """The same random numbers for every figure, whichever are drawn before it."""
    return np.random.default_rng(1)


def names(classes: int) -> list[str]:
    return KNOWN["fashion_mnist"].classes if classes == 10 else [str(label) for label in range(classes)]


def random(count: int) -> Figure:
    kernels = random_kernels(count, seed=0)
    return kernel_figures.draw_random(
        IMAGE, kernels, [filter_response(IMAGE, kernel) for kernel in kernels], [0.05] * count
    )


def curves(epochs: int) -> Figure:
    measures = ["loss", "val_loss", "accuracy", "val_accuracy"]
    return network_figures.draw_curves(
        pd.DataFrame({"epoch": range(1, epochs + 1)} | {name: numbers().random(epochs) for name in measures}),
        best=(epochs + 1) // 2,
    )


def example(classes: int) -> Figure:
    return predictions.draw_example(IMAGE, numbers().dirichlet(np.ones(classes)), classes - 1, 9999, names(classes))


def confidence(count: int) -> Figure:
    values = numbers().random(10_000).astype(np.float32)
    return predictions.draw_confidence(values, np.arange(10_000) < count)


def misclassified(count: int) -> Figure:
    classes = max(count, 10)
    table = pd.DataFrame({"label": range(count), "predicted": 9, "probability_of_predicted": numbers().random(count)})
    return predictions.draw_answers(np.repeat(IMAGE[None], count, axis=0), table, names(classes), "Wrong images")


def confusion(classes: int) -> Figure:
    counts = np.diag([9999] * classes) + numbers().integers(0, 999, (classes, classes))
    return predictions.draw_confusion(counts, names(classes))


def kernels(filters: int) -> Figure:
    numbered = [str(number) for number in range(filters)]
    return kernel_figures.draw_kernels(numbers().normal(size=(filters, 3, 3)), numbered, "All of them", 4.0)


def activations(filters: int) -> Figure:
    return network_figures.draw_activations(numbers().random((26, 26, filters)), "convolution_1")


def followed(size: int) -> Figure:
    stations = {"convolution_1": numbers().random((26, 26)), "max_pooling": numbers().random((13, 13))}
    return network_figures.draw_followed(IMAGE, numbers().normal(size=(size, size)), stations, 31)


def edge_auroc(count: int) -> Figure:
    names = ["random, in [-1, 0)", "before training", "learnt", "Laplacian"]
    return kernel_figures.draw_edge_auroc({name: numbers().random(count) for name in names})


def types(count: int) -> Figure:
    drawn = [*numbers().normal(size=(count - 1, 3, 3)), LAPLACIAN]
    table = kernel_types(drawn)
    return kernel_figures.draw_types(drawn, matches(table, 3), table)


def ridge(count: int) -> Figure:
    right = np.linspace(0.1, 0.99, count)
    words = [f"kernels of the {number}. group" for number in range(count)]
    return kernel_figures.draw_ridge(
        pd.DataFrame({"words": words, "accuracy": right, "low": right - 0.01, "high": right + 0.005})
    )


LONG = "early stopping after three epochs without a lower validation loss, of at most forty"


def arms(count: int) -> list[str]:
    return [f"{number}: {(LONG, 'L1', 'frozen random kernels of both signs')[number % 3]}" for number in range(count)]


def forest(count: int) -> Figure:
    middles = numbers().normal(0, 0.5, count) * (200 if count == 8 else 1)  # eight reach over a logarithmic scale
    table = pd.DataFrame({"variant": arms(count), "difference": middles, "low": middles - 0.1, "high": middles + 0.1})
    verdicts = ["cannot tell", "better; whether by enough to matter is open", "worse, by more than matters"]
    table["verdict"] = [verdicts[number % 3] for number in range(count)]
    table = table.assign(low_new=np.nan if count == 1 else middles - 0.2, high_new=middles + 0.2)
    return study_figures.draw_forest(table, "test accuracy", "points", 2, 0.2, "higher")


def slopes(count: int) -> Figure:
    pairs = {name: numbers().random((8, 2)) for name in arms(count)}
    return study_figures.draw_slopes(pairs, "accuracy on test images moved by up to 4 pixels", "higher")


def time(count: int) -> Figure:
    table = pd.DataFrame({"arm": np.repeat(arms(count), 4), "seconds": np.arange(4 * count) + 3})
    return trial_figures.draw_time(table.assign(value=numbers().random(4 * count) * 0.9), "test accuracy", share=True)


def spread(count: int) -> Figure:
    table = pd.DataFrame({"variant": np.repeat(arms(count), 3), "epoch": [1, 2, 3] * count})
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        means = numbers().random(3 * count)
        table = table.assign(**{f"{name}_{which}": means for which in ("mean", "lowest", "highest")})
    published = pd.DataFrame({"measure": "val_loss", "epoch": [1, 2], "published": [0.5, 0.4]})
    return trial_figures.draw_spread(table, published if count == 1 else None)


def separation(count: int) -> Figure:
    table = pd.DataFrame({"study": np.repeat(arms(count), 4), "auroc": numbers().random(4 * count)})
    return trial_figures.draw_separation(table.assign(accuracy=np.linspace(0.1, 0.99, 4 * count)), -0.5)


def setting(count: int) -> Figure:
    table = pd.DataFrame({"value": 1000 * 2 ** np.arange(count + 1), "mean": np.linspace(0.8, 0.97, count + 1)})
    return trial_figures.draw_setting(
        table.assign(lowest=table["mean"] - 0.01, highest=table["mean"] + 0.01), "prepare.train_size", "accuracy", True
    )


def sure(count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidences from 0.1 on, and whether the answer is right."""
    confidences = numbers().uniform(0.1, 1, count)
    return confidences, numbers().random(count) < confidences


def calibrated(count: int) -> Figure:
    table = reliability(*sure(count))
    return calibration_figures.draw_reliability({"as trained": table, "after temperature scaling, T = 13.37": table})


def selective(count: int) -> Figure:
    curve, area = risk_coverage(*sure(count)), area_under_risk_coverage(*sure(count))
    return calibration_figures.draw_risk_coverage(curve, area, selective_accuracy(*sure(count)))


DRAWN = {  # every drawing function, and the numbers (of kernels, epochs, classes ...) for which it is drawn
    "draw_reliability": (calibrated, [1, 30, 10_000]),
    "draw_risk_coverage": (selective, [1, 30, 10_000]),
    "draw_random": (random, [1, 3, 10, 32]),
    "draw_edge": (lambda _: kernel_figures.draw_edge(IMAGE, LAPLACIAN, EDGES, 0.86), [1]),
    "draw_pooling": (lambda _: kernel_figures.draw_pooling(EDGES, max_pool(EDGES), (8, 10)), [1]),
    "draw_curves": (curves, [1, 3, 10, 32]),
    "draw_example": (example, [3, 10, 15, 20, 100]),
    "draw_confidence": (confidence, [0, 1, 10_000]),
    "draw_answers": (misclassified, [1, 3, 10, 32]),
    "draw_confusion": (confusion, [3, 10, 15, 20, 100]),
    "draw_kernels": (kernels, [1, 3, 10, 32, 128]),
    "draw_activations": (activations, [1, 3, 10, 32]),
    "draw_followed": (followed, [1, 3, 5, 7]),
    "draw_edge_auroc": (edge_auroc, [1, 3, 10, 32]),
    "draw_types": (types, [1, 3, 10, 32]),
    "draw_ridge": (ridge, [3, 5]),
    "draw_forest": (forest, [1, 2, 3, 5, 8, 9]),
    "draw_slopes": (slopes, [1, 2, 3, 5, 9]),
    "draw_time": (time, [1, 3, 10]),
    "draw_spread": (spread, [1, 3, 10]),
    "draw_separation": (separation, [1, 3, 11]),
    "draw_setting": (setting, [1, 5]),
}


def test_every_drawing_function_of_the_project_is_drawn_here():
    modules = (calibration_figures, kernel_figures, network_figures, predictions, study_figures, trial_figures)
    assert {name for module in modules for name in vars(module) if name.startswith("draw_")} == set(DRAWN)


def overlap(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the boxes (n, 2, 2) and (m, 2, 2), lower left and upper right corner, share an area: (n, m)."""
    shared = np.minimum(boxes[:, None, 1], others[None, :, 1]) - np.maximum(boxes[:, None, 0], others[None, :, 0])
    return (shared > 0).all(axis=2)


@pytest.mark.parametrize(
    ("draw", "number"),
    [pytest.param(draw, number, id=f"{name}-{number}") for name, (draw, some) in DRAWN.items() for number in some],
)
def test_every_text_can_be_read_and_every_picture_seen(draw, number, monkeypatch):
    figure = draw(number)
    texts = {}
    original = Text.draw

    def recorded(text, renderer):
        original(text, renderer)
        if text.get_visible() and text.get_text():
            texts[text] = text.get_window_extent().get_points()

    monkeypatch.setattr(Text, "draw", recorded)  # only what is drawn: not, for one, the ticks beyond an axis
    figure.draw_without_rendering()
    words, boxes = np.array([text.get_text() for text in texts]), np.array(list(texts.values()))

    cut_off = (boxes[:, 0] < -1) | (boxes[:, 1] > figure.bbox.size + 1)
    assert list(words[cut_off.any(axis=1)]) == []
    first, second = np.nonzero(np.triu(overlap(boxes, boxes), k=1))
    assert list(zip(words[first], words[second], strict=True)) == []
    for axes in figure.axes:
        for image in axes.images:
            picture = image.get_window_extent()
            assert min(picture.size) > 0.35 * figure.dpi
            strange = [text.axes is not axes or len(axes.images) > 1 for text in texts]
            assert list(words[strange & overlap(boxes, picture.get_points()[None])[:, 0]]) == []


def test_a_figure_saves_to_the_same_bytes_again_without_time_or_software(tmp_path):
    for name in ("once", "twice"):
        style.save(kernel_figures.draw_pooling(EDGES, max_pool(EDGES), (8, 10)), tmp_path / f"{name}.png")
    for form in ("png", "svg"):
        once, twice = ((tmp_path / f"{name}.{form}").read_bytes() for name in ("once", "twice"))
        assert once == twice
        assert not [mark for mark in (b"tIME", b"tEXt", b"zTXt", b"iTXt", b"<dc:date>") if mark in once]


def test_an_svg_has_the_same_bytes_again_without_time_or_software():
    once, twice = (style.encode(study_figures.draw_slopes({"a": np.eye(2)}, "x", "higher"), "svg") for _ in range(2))
    assert once == twice
    assert b"<dc:date>" not in once
    assert b"Matplotlib v" not in once


@pytest.mark.parametrize(
    ("scale", "limits", "colours"),
    [
        ("own", [(-2, 1), (0.5, 3), (0, 0.25)], "gray"),
        ("common", [(0, 3)] * 3, "gray"),
        ("symmetric", [(-3, 3)] * 3, "RdBu_r"),
    ],
)
def test_the_images_of_a_grid_have_the_scale_that_was_asked_for(scale, limits, colours):
    figure = style.image_grid(PICTURES, ["a", "b", "c"], "heading", columns=2, scale=scale)
    axes, *bar = figure.axes
    assert [drawn.get_clim() for drawn in axes.images] == limits
    assert {drawn.get_cmap().name for drawn in axes.images} == {colours}
    assert len(bar) == (scale != "own")


@pytest.mark.parametrize(("count", "columns", "shape"), [(1, 8, (28, 28)), (5, 2, (3, 3)), (7, 3, (8, 20))])
def test_each_image_of_a_mosaic_lies_undistorted_in_its_frame_under_its_title_and_apart_from_the_others(
    count, columns, shape
):
    _, ((axes,),) = style.canvas(1, 1, height=5.0)
    style.mosaic(axes, [numbers().random(shape)] * count, [str(number) for number in range(count)], columns)
    left, right, bottom, top = np.transpose([drawn.get_extent() for drawn in axes.images])
    np.testing.assert_allclose((bottom - top) / (right - left), shape[0] / shape[1])
    boxes = np.stack([np.stack([left, top], 1), np.stack([right, bottom], 1)], 1)
    assert not np.triu(overlap(boxes, boxes), k=1).any()
    for box, title, frame in zip(boxes, axes.texts, axes.patches, strict=True):
        x, y = title.get_position()
        assert x == pytest.approx(box[:, 0].mean())
        assert y < box[0, 1]
        size = frame.get_extents().transformed(axes.transData.inverted()).size
        np.testing.assert_allclose(np.abs(size), np.ptp(box, axis=0))


@pytest.mark.parametrize(("names", "rotation"), [(["0", "10", "cat"], 0), (["0", "10", "bird"], 90)])
def test_long_names_stand_upright_under_the_x_axis_and_lie_beside_the_y_axis(names, rotation):
    _, ((axes,),) = style.canvas(1, 1, height=2.0)
    for axis in (axes.xaxis, axes.yaxis):
        style.name_ticks(axis, names)
        assert list(axis.get_ticklocs()) == [0, 1, 2]
        assert [label.get_text() for label in axis.get_ticklabels()] == names
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {rotation}
    assert {label.get_rotation() for label in axes.get_yticklabels()} == {0}


def test_a_class_name_with_dollars_is_no_formula(tmp_path):
    figure = predictions.draw_example(IMAGE, np.array([0.4, 0.6]), 0, 7, ["$5", r"$\nonsense$"])
    style.save(figure, tmp_path / "example.png")


def test_names_are_short_and_distinct_and_numbers_where_the_font_has_no_letters_for_them() -> None:
    long = ["a rather long name, one", "a rather long name, two", "cat", "日本", "Füße", "名前"]
    assert style.short_names(long) == ["a rather …0", "a rather …1", "cat", "class 3", "Füße", "class 5"]
    assert style.short_names(["exactly 11!", "twelve signs"]) == ["exactly 11!", "twelve sig…"]
    assert max(map(len, style.short_names([f"the same beginning {n}" for n in range(100)]))) <= 11


def test_a_number_that_is_nothing_has_no_sign():
    _, ((axes,),) = style.canvas(1, 1, height=2.0)
    style.write_numbers(axes, np.array([[-0.001, -0.01, 0.0]]), "{:.2f}")
    assert [text.get_text() for text in axes.texts] == ["0.00", "-0.01", "0.00"]
