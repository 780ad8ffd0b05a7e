"""The wrong images in their order, the histogram, the confusion matrix."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from pipeline import error_analysis
from pipeline.figures import predictions, style

NAMES = ["dog", "cat", "ant", "bee"]


def answers(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Probabilities of four classes, the predicted classes and random labels."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(4), count).astype(np.float32)
    return probabilities, probabilities.argmax(axis=1).astype(np.uint8), random.integers(0, 4, count).astype(np.uint8)


@pytest.mark.parametrize(
    ("label", "colours"),
    [
        (2, [style.GREY, style.ORANGE, style.BLUE, style.GREY]),
        (1, [style.GREY, style.BLUE, style.GREY, style.GREY]),
    ],
    ids=["wrong", "right"],
)
def test_an_example_has_a_bar_a_probability_and_the_two_classes_in_colour(label, colours):
    image = np.arange(12, dtype=np.uint8).reshape(4, 3)
    probabilities = np.array([0.125, 0.5, 0.25, 0.125], np.float32)
    figure = predictions.draw_example(image, probabilities, label, 77, NAMES)
    picture, bars = figure.axes
    np.testing.assert_array_equal(picture.images[0].get_array(), image)
    assert [bar.get_height() for bar in bars.patches] == list(probabilities)
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars.patches] == colours
    assert figure.get_suptitle() == ("Test image 77: cat" if label == 1 else "Test image 77: ant, taken for cat")
    assert [tick.get_text() for tick in bars.get_xticklabels()] == NAMES


def test_of_many_classes_an_example_names_the_likeliest_and_the_true_one():
    probabilities = np.random.default_rng(0).permutation(np.linspace(1, 2, 100) / 150)
    label = int(probabilities.argmin())
    figure = predictions.draw_example(
        np.zeros((3, 3), np.uint8), probabilities, label, 7, [f"n{n}" for n in range(100)]
    )
    bars = figure.axes[1]
    shown = sorted([*np.argsort(-probabilities)[: predictions.MOST_CLASSES - 1].tolist(), label])
    assert [tick.get_text() for tick in bars.get_xticklabels()] == [f"n{number}" for number in shown]
    np.testing.assert_array_equal([bar.get_height() for bar in bars.patches], probabilities[shown])
    assert bars.get_xlabel() == "class, the likeliest of 100"


@pytest.mark.parametrize(("confidence", "side"), [(0.3, 1), (0.99, 2)])
def test_the_legend_of_the_histogram_stands_where_there_are_fewer_images(confidence, side):
    highest = np.append(np.full(99, confidence, np.float32), np.float32(0.25))
    (axes,) = predictions.draw_confidence(highest, np.arange(100) < 5).axes
    assert axes.get_legend()._loc == side  # Matplotlib's code for the upper right is 1, for the upper left 2


def test_without_a_mistake_the_confusion_matrix_is_pale():
    axes, _ = predictions.draw_confusion(np.diag([3, 4]), NAMES[:2]).axes
    assert axes.images[0].get_clim() == (0, 1)


def test_both_histograms_are_densities_over_the_same_bins():
    highest = np.random.default_rng(0).uniform(0.1, 1, 400).astype(np.float32)
    wrong = highest < 0.4
    (axes,) = predictions.draw_confidence(highest, wrong).axes
    everything, mistakes = axes.containers
    for bars, values in ((everything, highest), (mistakes, highest[wrong])):
        edges = [bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()]
        np.testing.assert_allclose(edges, np.linspace(0, 1, len(bars) + 1), atol=1e-12)
        np.testing.assert_allclose([bar.get_height() for bar in bars], np.histogram(values, edges, density=True)[0])
        assert sum(bar.get_height() * bar.get_width() for bar in bars) == pytest.approx(1)
    assert len(everything) == len(mistakes)


def test_a_network_that_is_never_wrong_and_always_sure_still_gets_its_histogram():
    (axes,) = predictions.draw_confidence(np.ones(5, np.float32), np.zeros(5, bool)).axes
    assert len(axes.containers) == 1
    left, right = axes.get_xlim()
    assert left < right == 1


@pytest.mark.parametrize("count", [1, 5, 30])
@pytest.mark.parametrize(("names", "line"), [(NAMES, " "), (["horse", *NAMES[1:]], "\n")], ids=["short", "long"])
def test_the_gallery_shows_the_table_in_its_order_by_class_names(count, names, line):
    probabilities, predicted, _ = answers(count)
    table = error_analysis.misclassified(probabilities, predicted, (predicted + 1) % 4)
    images = np.random.default_rng(1).integers(0, 256, (count, 3, 3), np.uint8)
    (axes,) = predictions.draw_answers(images, table, names, "Wrong").axes
    for drawn, title, image, row in zip(axes.images, axes.texts, images, table.itertuples(), strict=True):
        np.testing.assert_array_equal(drawn.get_array(), image)
        answer = f"{names[row.predicted]} ({row.probability_of_predicted:.2f})"
        assert title.get_text() == f"{names[row.label]} →{line}{answer}"


def test_the_confusion_matrix_writes_every_count_and_colours_only_mistakes():
    matrix = np.array([[90, 2, 0], [1, 80, 7], [0, 0, 70]])
    axes, _ = predictions.draw_confusion(matrix, NAMES[:3]).axes
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(predicted, label): str(count) for (label, predicted), count in np.ndenumerate(matrix)}
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0, 2, 0], [1, 0, 7], [0, 0, 0]])
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == NAMES[:3]
