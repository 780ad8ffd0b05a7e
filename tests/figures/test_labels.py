"""The gallery of doubtful labels: the table's images in its order, each with its label and the network's answer."""

import numpy as np
import pytest
from support.drawings import mosaics_of, titles_of

from pipeline.figures.labels import draw_doubtful
from pipeline.metrics.labels import doubtful

SHORT = ["dog", "cat", "ant", "bee"]
LONG = ["horse", *SHORT[1:]]


@pytest.mark.parametrize("count", [1, 5, 24])
@pytest.mark.parametrize(("names", "line"), [(SHORT, " "), (LONG, "\n")], ids=["short", "long"])
def test_the_gallery_shows_each_image_under_its_label_the_answer_and_its_probability(count, names, line):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 5, 3)).astype(np.uint8)
    probabilities = random.dirichlet(np.ones(4), 40).astype(np.float32)
    table = doubtful(probabilities, random.integers(0, 4, 40).astype(np.uint8), count)
    figure = draw_doubtful(images[table["index"]], table, names, "Doubtful labels")
    (axes,) = mosaics_of(figure)
    assert figure.get_suptitle() == "Doubtful labels"
    for drawn, index in zip(axes.images, table["index"], strict=True):
        np.testing.assert_array_equal(drawn.get_array(), images[index])
    assert titles_of(axes) == [
        f"{names[label]} →{line}{names[answer]} ({probability:.2f})"
        for label, answer, probability in zip(
            table["label"], table["predicted"], table["probability_of_predicted"], strict=True
        )
    ]
