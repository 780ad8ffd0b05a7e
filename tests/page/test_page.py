"""The page: whole, self-contained, true to its content, and honest about the test set."""

import base64
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any

import jinja2
import pytest
from support.browser import needs_browser, opened
from support.clones import PROJECT, SETTINGS

from pipeline.config import params
from pipeline.data import prepared
from pipeline.page.page import ARTICLE, TEMPLATE, as_yaml, number, render

FIGURES = {
    "kernel_demo": ["random_kernels", "edge_kernel", "max_pooling"],
    "error_analysis": [
        *["right", "wrong", "confidence", "confusion", "misclassified", "doubtful_test"],
        *["places_right", "places_wrong", "places_mistake_1", "filters_right", "filters_wrong"],
        *["reliability", "risk_coverage"],
    ],
    "robustness": ["curves", "shifts", "samples"],
    "visualise": [
        "curves",
        "kernels_convolution_1",
        "kernels_convolution_1_before",
        "kernels_random",
        "kernels_edges",
        "activations_convolution_1",
        "filter",
        "edge_auroc",
        "types",
        "ridge",
    ],
}
CALIBRATION = [
    *["expected_calibration_error", "adaptive_calibration_error", "smooth_calibration_error"],
    *["negative_log_likelihood", "brier_score"],
]
METRICS: dict[str, dict[str, Any]] = {  # all that the page tells, and nothing else
    "prepare": {
        **{f"{split}_images": images for split, images in (("train", 20_000), ("validation", 100), ("test", 40))},
        **{f"{split}_class_counts": {"0": 11, "1": 22} for split in ("train", "validation", "test")},
        "class_names": ["dog", "cat & kitten"],
    },
    "kernel_demo": {
        "kernel_demo_image": 7,
        "laplacian_edge_auroc": 0.861,
        "random_edge_auroc": 0.062,
        "random_edge_auroc_lowest": 0.04,
        "random_edge_auroc_highest": 0.09,
        "random_mean_absolute_correlation": 0.98,
    },
    "train": {"parameters": 54_410, "best_epoch": 2},
    "evaluate": {
        "test_loss": 0.1138,
        "test_accuracy": 0.975,
        "test_accuracy_low": 0.8711,
        "test_accuracy_high": 0.9956,
        "test_images": 40,
        "shift_4_accuracy": 0.5125,
        "wrong": 1,
        "evaluate_image": 9,
        "test_set": prepared.TEST_SET["holdout"],
    },
    "error_analysis": {
        "confidence_wrong": 0.65,
        "confidence_right": 0.96,
        "confidence_all": 0.95,
        "misclassification_auroc": 0.9557,
        "right_example": 3,
        "wrong_example": 5,
        "evidence_remainder": 2e-6,
        "temperature": 0.84,
        **{f"{name}{suffix}": 0.0123 for name in CALIBRATION for suffix in ("", "_scaled")},
        "expected_calibration_error": 0.0234,
        "area_under_risk_coverage": 0.002,
        "selective_threshold": 0.7,
        "selective_refused": 0.05,
        "selective_accuracy": 0.987,
        "selective_accuracy_low": 0.98,
        "selective_accuracy_high": 0.99,
        "probable_label_errors_test": 2,
        "probable_label_errors_train": None,
    },
    "robustness": {
        "robustness_mean": 0.6577,
        "robustness_low": 0.62,
        "robustness_high": 0.69,
        "robustness_images": 40,
    },
    "visualise": {
        "dead_filters": 0,
        "learnt_edge_auroc": 0.51,
        "learnt_edge_auroc_lowest": 0.07,
        "learnt_edge_auroc_highest": 0.81,
        "initial_edge_auroc": 0.42,
        "learnt_mean_absolute_correlation": 0.46,
        "initial_mean_absolute_correlation": 0.45,
        "relative_weight_change": 2.04,
        **{f"{name}_filters": number for number, name in enumerate(["spot", "line_end", "line", "ink", "edge"])},
        "least_similarity": 0.83,
        "initial_matched_filters": 1,
        "random_ink_kernels": 7,
        **{f"ridge_accuracy_{name}": 0.9 for name in ("random", "edges", "initial", "learnt")},
        "ridge_accuracy_pixels": 0.75,
        "ridge_accuracy_raw_pixels": 0.8,
    },
}

# the beginning of a PNG file, 1200 pixels wide and 600 high
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1200, 600)

Content = dict[str, Any]


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and the cells of its tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def anchors(self) -> set[str]:
        """What a link may lead to; the switches of a toggle have names for their labels alone."""
        return {attributes["id"] for tag, attributes in self.elements if "id" in attributes and tag != "input"}

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


@pytest.fixture
def content(tmp_path) -> Content:
    """A complete small content: two classes, three epochs, one wrong image."""
    for name in [
        *(name for names in FIGURES.values() for name in names),
        "kernels_convolution_2",
        "kernels_convolution_2_before",
        "activations_convolution_2",
        "doubtful_train",
    ]:
        (tmp_path / f"{name}.png").write_bytes(PNG + f"picture of {name}".encode())
    measures = ["loss", "accuracy", "val_loss", "val_accuracy"]
    return {
        "settings": SETTINGS,
        "all_settings": params.flat(SETTINGS),
        "metrics": {stage: dict(metrics) for stage, metrics in METRICS.items()},
        "figures": {stage: {name: tmp_path / f"{name}.png" for name in names} for stage, names in FIGURES.items()},
        "history": [{"epoch": epoch, **dict.fromkeys(measures, 1 / epoch)} for epoch in (1, 2, 3)],
        "article": ARTICLE,
        "layers": [
            {"layer": "convolution_1", "type": "Conv2D", "output_shape": [26, 26, 32], "parameters": 320},
            {"layer": "probabilities", "type": "Dense", "output_shape": [10], "parameters": 54_090},
        ],
        "misclassified": [wrong_image(17)],
        "robustness": [
            dict.fromkeys(["accuracy", "accuracy_low", "accuracy_high", "confidence", "ece"], 0.5)
            | {
                "corruption": "gaussian_blur",
                "strength": 2,
            }
        ],
        "shifts": [{"down": 0, "right": right, "accuracy": 0.9 - right / 5} for right in (0, 3)],
        "per_class": {"class": [0, 1], "precision": [0.9, 0.8], "recall": [0.7, 0.6], "f1": [0.5, 0.4]},
    }


def wrong_image(index: int) -> dict[str, float]:
    return {
        **{"index": index, "label": 1, "predicted": 0},
        **{"probability_of_predicted": 0.99265, "probability_of_label": 0.0049},
    }


def change(content: Content, section: str, **settings: Any) -> None:
    """Change settings of a section."""
    changed = getattr(content["settings"], section).model_copy(update=settings)
    content["settings"] = content["settings"].model_copy(update={section: changed})
    content["all_settings"] = params.flat(content["settings"])


def rendered(content: Content) -> Page:
    return Page(render(content))


def test_the_page_needs_nothing_but_itself(content):
    html = render(content)
    page = Page(html)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "base"})
    assert [link for link in page.values("href") if not link.startswith("#")] == []
    assert [source for source in page.values("src") if not source.startswith("data:image/png;base64,")] == []
    assert [word for word in ("http:", "https:", "url(", "@import", "srcset") if word in html] == []


def test_every_figure_is_in_the_page_once_with_words_for_those_who_cannot_see_it(content):
    pictures = [attributes for tag, attributes in rendered(content).elements if tag == "img"]
    shown = [base64.b64decode(picture["src"].partition(",")[2]) for picture in pictures]
    assert sorted(shown) == sorted(
        path.read_bytes() for paths in content["figures"].values() for path in paths.values()
    )
    alternatives = [picture["alt"].strip() for picture in pictures]
    assert all(alternatives)
    assert len(set(alternatives)) == len(alternatives)


def test_every_figure_has_its_size_its_caption_and_a_box_that_enlarges_it_from_the_keyboard(content):
    html = render(content)
    page = Page(html)
    pictures = [attributes for tag, attributes in page.elements if tag == "img"]
    assert {(picture["width"], picture["height"]) for picture in pictures} == {("1200", "600")}
    assert not [picture for picture in pictures if "loading" in picture]
    boxes = [attributes["aria-label"] for _, attributes in page.elements if attributes.get("type") == "checkbox"]
    assert boxes == [f"Enlarge: {picture['alt']}" for picture in pictures]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html)
    assert len(captions) == len(pictures)
    assert all(caption.endswith(".") for caption in captions)
    assert "10 different kernels over training image 7, and much the same picture." in captions[0]


def test_every_link_leads_to_one_place_on_the_page(content):
    page = rendered(content)
    places = page.values("id")
    assert len(places) == len(set(places))
    assert {link.removeprefix("#") for link in page.values("href")} == page.anchors()


def test_the_tiles_tell_the_four_numbers(content):
    html = render(content)
    tiles = html.partition('<div class="tiles">')[2].partition("<p")[0]
    assert [tile.partition("</b>")[0] for tile in tiles.split("<b>")[1:]] == ["97.50 %", "1", "0.96", "0.86 / 0.06"]
    assert "95 % interval 87.11 % to 99.56 %" in tiles


@pytest.mark.parametrize("validation", ["holdout", "test"])
def test_the_page_warns_where_the_score_stands_if_and_only_if_the_test_set_validated(content, validation):
    change(content, "prepare", validation=validation)
    content["metrics"]["evaluate"]["test_set"] = prepared.TEST_SET[validation]
    page = rendered(content)
    assert page.values("class").count("warning") == (4 if validation == "test" else 0)
    assert ("used for validation" in page.text) == (validation == "test")
    assert ("unseen until this evaluation" in page.text) == (validation == "holdout")


@pytest.mark.parametrize(("images", "moved"), [(40, "40"), (1000, "1,000"), (10_000, "1,000")])
def test_the_page_tells_how_many_moved_images_are_right_beside_the_score(content, images, moved):
    content["metrics"]["evaluate"]["test_images"] = images
    said = (
        f"Of {moved} test images, each moved 16 times at random by up to 4 pixels up or down and left or right, it gets"
    )
    assert f"{said} 51.25 % right." in rendered(content).text


def test_settings_are_text_and_never_markup(content):
    name = '<script>alert("&amp;")</script>'
    content["metrics"]["prepare"]["class_names"] = [name, "cat"]
    change(content, "fetch", dataset=name)
    page = rendered(content)
    assert f"The data set {name}: the first" in page.text
    assert ["fetch.dataset", name] in page.rows
    assert ["class", name, "cat"] in page.rows
    assert "script" not in {tag for tag, _ in page.elements}


def test_every_setting_has_its_row(content):
    rows = rendered(content).rows
    for key, value in content["all_settings"].items():
        assert [key, as_yaml(value)] in rows


def test_every_epoch_has_its_row_beside_the_articles_while_it_lasts(content):
    (first, *_) = content["history"]
    content["history"] = [first | {"epoch": epoch} for epoch in range(1, 9)]
    rows = rendered(content).rows
    start = rows.index(next(row for row in rows if row[0] == "epoch")) + 1
    for epoch, row in enumerate(rows[start : start + 8], 1):
        theirs = [f"{ARTICLE[name][epoch - 1]:.4f}" if epoch <= 6 else "—" for name in ("val_loss", "val_accuracy")]
        assert row == [str(epoch), *["1.0000"] * 4, *theirs]


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "pets.npz"])
def test_the_page_compares_with_the_article_only_on_the_articles_data(content, dataset):
    change(content, "fetch", dataset=dataset)
    page = rendered(content)
    ours = ["epoch", "loss", "accuracy", "validation loss", "validation accuracy"]
    if dataset == "mnist":
        assert [*ours, "article's loss", "article's accuracy"] in page.rows
        assert "the article, with its own draw of the weights, got 96.85 %" in page.text
    else:
        assert ours in page.rows
        assert ["1", *["1.0000"] * 4] in page.rows
        assert "article" not in page.text


@pytest.mark.parametrize(
    ("dataset", "title"), [("mnist", "MNIST"), ("fashion_mnist", "Fashion-MNIST5"), ("pets", "The data set pets")]
)
def test_the_page_names_the_data_and_cites_the_paper_of_fashion_mnist_alone(content, dataset, title):
    change(content, "fetch", dataset=dataset)
    page = rendered(content)
    assert f"The data\n{title}: the first 20,000 images" in page.text
    assert ("arXiv:1708.07747" in page.text) == (dataset == "fashion_mnist")
    assert {link.removeprefix("#") for link in page.values("href")} == page.anchors()


@pytest.mark.parametrize(
    ("seed", "validation", "said"),
    [
        (None, "holdout", "the first 20,000 images of the training set train. The 100 that follow them validate, so"),
        (None, "test", "the first 20,000 images of the training set train. The test set validates as well"),
        (3, "holdout", "20,000 images of the training set train, drawn at random with seed 3, each class in its share. "
         "Another 100, drawn in the same way, validate, so"),
        (0, "test", "20,000 images of the training set train, drawn at random with seed 0, each class in its share. "
         "The test set validates as well"),
    ],
)  # fmt: skip
def test_the_page_tells_which_images_train_and_validate(content, seed, validation, said):
    change(content, "prepare", seed=seed, validation=validation)
    assert f"MNIST: {said}" in rendered(content).text


@pytest.mark.parametrize(
    ("section", "settings", "said"),
    [
        ("train", {"early_stopping": 1}, "1 epoch without a lower validation loss; kept are the weights of epoch 2."),
        ("train", {"early_stopping": 3}, "Training stops after 3 epochs without a lower validation loss"),
        ("train", {"optimizer": "sgd", "schedule": "cosine"}, "momentum with learning rate 0.001 that falls along a"),
        ("train", {"optimizer": "adamw", "schedule": "one_cycle"}, "AdamW with learning rate 0.001 at the top of one"),
        ("train", {"optimizer": "adadelta", "learning_rate": 0.5}, "Adadelta with learning rate 0.5, cross-entropy"),
        ("train", {"label_smoothing": 0.1}, "labels smoothed by 0.1"),
        ("train", {"class_weights": True}, "every class of the same weight"),
        ("model", {"l1": 1e-5}, "the loss grows by 1e-05 times their absolute values (LASSO)."),
        ("model", {"l2": 0.01}, "the loss grows by 0.01 times their squares (ridge)."),
        ("model", {"l1": 0.1, "l2": 0.2}, "0.1 times their absolute values (LASSO) and 0.2 times their squares"),
        ("model", {"l2": 0.01}, "cross-entropy loss plus the penalties, batches of 128"),
        ("model", {"batch_normalization": True}, "Batch normalisation keeps"),
        ("model", {"padding": "same", "kernel_size": 5}, "let the 5×5 kernels sit on its border"),  # noqa: RUF001
        ("model", {"kernel_init": "edges", "freeze_kernels": True}, "the Laplacian, Sobel and Prewitt kernels, and st"),
        ("model", {"kernel_init": "article_random"}, "The kernels begin as the article's random ones"),
        ("model", {"freeze_kernels": True}, "The kernels begin at random, and stay so"),
        ("model", {"augment_shift": 0.1, "augment_rotation": 15.0}, "by up to 10 % of its size and 15 degrees"),
        ("model", {"augment_shift": 0.025}, "each image is moved at random, by up to 2.5 % of its size"),
        ("model", {"filters": (8, 8), "dense": (9,), "pooling": "average"},
         "2 convolutions, average pooling, dropout, and 2 fully connected layers that turn what is left"),
    ],
)  # fmt: skip
def test_the_page_says_what_the_settings_are_and_only_then(content, section, settings, said):
    assert said not in rendered(content).text
    change(content, section, **settings)
    assert said in rendered(content).text


def test_every_layer_and_every_wrong_image_has_its_row(content):
    content["metrics"]["evaluate"]["wrong"] = 3
    content["misclassified"] = [wrong_image(index) for index in (17, 4, 9)]
    page = rendered(content)
    assert ["convolution_1", "Conv2D", "26×26×32", "320"] in page.rows  # noqa: RUF001
    assert ["probabilities", "Dense", "10", "54,090"] in page.rows
    images = [row[0] for row in page.rows if row[1:] == ["cat & kitten", "dog", "0.993", "0.005"]]
    assert images == ["17", "4", "9"]
    assert "All 3 wrong images as a table" in page.text


def test_every_class_has_its_counts_and_measures(content):
    rows = rendered(content).rows
    assert ["split", "dog", "cat & kitten", "all"] in rows
    assert ["train", "11", "22", "20000"] in rows
    assert ["class", "dog", "cat & kitten"] in rows
    for row in (["precision", "0.900", "0.800"], ["recall", "0.700", "0.600"], ["F1", "0.500", "0.400"]):
        assert row in rows


@pytest.mark.parametrize(("stage", "metric"), [(stage, metric) for stage in METRICS for metric in METRICS[stage]])
def test_a_missing_metric_is_refused_by_name(content, stage, metric):
    change(content, "train", early_stopping=1)  # all that the page can tell
    del content["metrics"][stage][metric]
    with pytest.raises(jinja2.UndefinedError, match=metric):
        render(content)


def without_wrong_images(content: Content) -> None:
    content["metrics"]["error_analysis"] |= {
        "confidence_wrong": None,
        "misclassification_auroc": None,
        "wrong_example": None,
    }
    content["metrics"]["evaluate"]["wrong"] = 0
    content["misclassified"] = []
    for name in ("wrong", "misclassified", "places_wrong", "filters_wrong", "places_mistake_1"):
        del content["figures"]["error_analysis"][name]


def without_ink(content: Content) -> None:
    for stage in ("kernel_demo", "visualise"):
        metrics = content["metrics"][stage]
        content["metrics"][stage] = {
            name: None if "auroc" in name or "correlation" in name else value for name, value in metrics.items()
        }
    del content["figures"]["visualise"]["edge_auroc"]


def with_two_convolutions(content: Content) -> None:
    content["layers"][1:1] = [
        {"layer": "convolution_2", "type": "Conv2D", "output_shape": [24, 24, 8], "parameters": 2312}
    ]
    figures = content["figures"]["visualise"]
    folder = figures["curves"].parent
    for name in ("kernels_convolution_2", "kernels_convolution_2_before", "activations_convolution_2"):
        figures[name] = folder / f"{name}.png"


def without_convolutions(content: Content) -> None:
    change(content, "model", filters=(), batch_normalization=True, freeze_kernels=True, kernel_init="edges")
    measured = METRICS["visualise"]
    known = [name for name in measured if name.startswith("ridge") and name[-7:] not in ("initial", "_learnt")]
    content["metrics"]["visualise"] = (
        dict.fromkeys(measured) | {"dead_filters": 0} | {name: measured[name] for name in known}
    )
    figures = content["figures"]["visualise"]
    content["figures"]["visualise"] = {name: figures[name] for name in ("curves", "ridge")}
    for name in ("filters_right", "filters_wrong"):
        del content["figures"]["error_analysis"][name]
    del content["layers"][0]


@pytest.mark.parametrize("lack", [without_wrong_images, without_ink, with_two_convolutions, without_convolutions])
def test_the_page_shows_what_there_is_and_nothing_that_there_is_not(content, lack: Callable[[Content], None]):
    lack(content)
    page = rendered(content)
    assert len(page.values("src")) == sum(map(len, content["figures"].values()))
    assert "None" not in page.text
    assert "nan" not in page.text.split()


@pytest.mark.parametrize(
    ("auroc", "said"),
    [(0.95, "A good sign, not a safe one: the surest"), (0.8, "A weak sign: the"), (0.55, "Hardly a sign at all: the")],
)
def test_the_page_calls_low_confidence_a_sign_only_as_far_as_its_number_goes(content, auroc, said):
    content["metrics"]["error_analysis"]["misclassification_auroc"] = auroc
    assert said in rendered(content).text


@pytest.mark.parametrize(
    ("dropout", "dense_dropout", "said"),
    [
        (0.25, 0.5, "with probability 0.25 after the pooling and 0.5 before the last layer while"),
        (0.25, 0.0, "with probability 0.25 after the pooling while"),
        (0.0, 0.5, "with probability 0.5 before the last layer while"),
    ],
)
def test_the_page_explains_the_dropout_that_is_at_work(content, dropout, dense_dropout, said):
    change(content, "model", dropout=dropout, dense_dropout=dense_dropout)
    assert said in rendered(content).text


def test_without_dropout_the_page_gives_it_no_credit(content):
    change(content, "model", dropout=0.0, dense_dropout=0.0)
    page = rendered(content)
    (section,) = re.findall(r"One convolution, .*", page.text)
    assert "dropout" not in section
    assert "No dropout: every value counts" in page.text
    assert "Dropout sets" not in page.text
    assert "dropout is at work" not in page.text


def test_the_page_of_a_network_without_a_convolution_claims_none_of_its_own(content):
    without_convolutions(content)
    text = rendered(content).text
    assert text.count("One small network, taken apart") == 1
    assert "this section and the next show what it does without" in text
    assert (
        "No convolution and no pooling, only dropout and one fully connected layer that turns the pixels into" in text
    )
    assert "with probability 0.5 before the last layer while" in text
    assert "has no kernels to compare, no activation maps, and no filter to follow" in text
    assert [
        said for said in ("kernels begin", "They are frozen", "after the pooling", "Batch norm") if said in text
    ] == []
    change(content, "model", dense=(8, 8), dense_dropout=0.0, l2=0.1)
    text = rendered(content).text
    assert "No convolution and no pooling, only 3 fully connected layers that turn the pixels into" in text
    assert "No dropout: every value counts" in text
    assert "Batch normalisation keeps" in text


@pytest.mark.parametrize(("change", "said"), [(2.04, "2.0"), (1.0, "1.0"), (0.0312, "0.03"), (0.0004, "0.0004")])
def test_a_small_change_of_the_kernels_is_told_as_what_it_is_and_not_as_none(content, change, said):
    content["metrics"]["visualise"]["relative_weight_change"] = change
    assert f"Training moved them by {said} times their first length." in rendered(content).text


def test_of_a_network_without_a_mistake_the_page_says_so_and_lists_none(content):
    without_wrong_images(content)
    page = rendered(content)
    assert "There is none: the network gets every test image right." in page.text
    assert "It is 0.95 on average, over images that are all right: whether it is lower for wrong ones" in page.text
    assert "The confidence of all 40 test images.\n" in page.text
    assert [
        said for said in ("each of them listed", "surest mistakes", "wrong ones.", "—of pairs") if said in page.text
    ] == []


def test_large_counts_have_their_thousands_apart(content):
    content["metrics"]["evaluate"]["wrong"] = 7478
    content["metrics"]["error_analysis"]["probable_label_errors_test"] = 7217
    text = rendered(content).text
    assert ("7,478images wrong, each of them listed below" in text, "All 7,478 wrong images as a table" in text) == (
        True,
    ) * 2
    assert "7,217 of 40 test images" in text


def test_shared_weights_are_spoken_of_only_where_there_are_some(content):
    assert "Shared weights should make a network less dependent on place" in rendered(content).text
    without_convolutions(content)
    text = rendered(content).text
    assert "Shared weights" not in text
    assert "No weight of this network is shared between places" in text


@pytest.mark.parametrize(
    ("corruptions", "said"),
    [
        (("rotate", "shear"), "ImageNet-C15. On average"),
        (("rotate", "occlusion"), "ImageNet-C15, but for occlusion, which is ours. On average"),
        (("stripe",), "ImageNet-C15, but for the widths of stripe, which are ours. On average"),
        (
            ("stripe", "occlusion"),
            "ImageNet-C15, but for occlusion and the widths of stripe, which are ours. On average",
        ),
    ],
)
def test_the_page_says_which_corruptions_are_no_others(content, corruptions, said):
    change(content, "robustness", corruptions=corruptions)
    assert said in rendered(content).text


def test_frozen_kernels_are_said_to_have_stayed(content):
    assert "Training moved them by 2.0 times" in rendered(content).text
    content["metrics"]["visualise"]["relative_weight_change"] = 0.0
    assert "They are frozen" in rendered(content).text


@pytest.mark.parametrize(("correlation", "alike"), [(0.98, True), (0.4, False)])
def test_the_page_calls_responses_alike_only_where_they_are(content, correlation, alike):
    content["metrics"]["kernel_demo"]["random_mean_absolute_correlation"] = correlation
    assert ("Their responses all look alike" in rendered(content).text) == alike


ONE_SIGN = [
    "Numbers of one sign add up brightness", "like the random kernels of the demo.",
    "for the random kernels of one sign", ", a blurred copy of the image",
]  # fmt: skip
BOTH_SIGNS = ["Numbers of both signs take away from each other on flat ink", "for the random kernels of the demo,"]


@pytest.mark.parametrize(
    ("low", "high", "told", "one_sign"),
    [
        (-1.0, 0.0, "-1 and 0", True), (0.0, 0.5, "0 and 0.5", True), (2.0, 3.0, "2 and 3", True),
        (-1.0, 1.0, "-1 and 1", False), (-0.25, 100.0, "-0.25 and 100", False),
    ],
)  # fmt: skip
def test_the_page_tells_the_range_of_the_random_kernels_and_blames_one_sign_only_where_there_is_one(
    content, low, high, told, one_sign
):
    change(content, "kernel_demo", low=low, high=high)
    told = told.replace("-", "\N{MINUS SIGN}")
    html = unescape(render(content))
    assert f"kernels with random values between {told}, and" in html
    assert "(black {}, white {})".format(*told.split(" and ")) in html
    assert [said for said in ONE_SIGN if said in html] == (ONE_SIGN if one_sign else [])
    assert [said for said in BOTH_SIGNS if said in html] == ([] if one_sign else BOTH_SIGNS)


@pytest.mark.parametrize(("highest", "mixed"), [(0.8, True), (0.45, False)])
def test_the_page_finds_edges_among_random_kernels_of_both_signs_only_where_there_are_some(content, highest, mixed):
    change(content, "kernel_demo", high=1.0)
    content["metrics"]["kernel_demo"]["random_edge_auroc_highest"] = highest
    assert ("some answer more to flat ink, others more to edges" in rendered(content).text) == mixed


def test_the_page_warns_of_sure_mistakes_only_where_there_are_mistakes(content):
    assert "the surest of the mistakes below was made with a probability of 0.99." in rendered(content).text
    without_wrong_images(content)
    assert "the surest of the mistakes" not in rendered(content).text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ((), "[]"),
        (("rotate", "shear"), "[rotate, shear]"),
        ([2, None], "[2, null]"),
        (0.25, "0.25"),
        ("max", "max"),
    ],
)
def test_a_setting_stands_on_the_page_as_in_the_file(value, text):
    assert as_yaml(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "—"), (0.125, "0.12"), (1234.5, "1,234.50")])
def test_a_number_has_two_digits_and_a_missing_one_is_a_dash(value, text):
    assert number(value) == text


def test_the_page_quotes_the_articles_training_log():
    assert ARTICLE == {
        "val_loss": [0.2958, 0.2093, 0.1689, 0.1385, 0.1216, 0.1103],
        "val_accuracy": [0.9171, 0.9425, 0.9548, 0.9620, 0.9660, 0.9685],
    }


def test_the_page_counts_doubtful_training_labels_only_where_networks_were_asked_that_had_not_learnt_them(content):
    assert "2 of 40 test images. The training images would be judged by a network that has" in rendered(content).text
    change(content, "evaluate", folds=3)
    content["metrics"]["error_analysis"]["probable_label_errors_train"] = 7
    figures = content["figures"]["error_analysis"]
    figures["doubtful_train"] = figures["confidence"].with_name("doubtful_train.png")
    page = rendered(content)
    assert "and 7 of 20,000 training images, each judged by one of 3 networks that had not learnt it." in page.text
    choices = [attributes for tag, attributes in page.elements if attributes.get("type") == "radio"]
    assert ["checked" in choice for choice in choices if choice["name"] == "doubtful"] == [True, False]
    assert len(page.values("src")) == sum(map(len, content["figures"].values()))


def test_no_caption_lies_unused(content):
    captions = {path.stem for path in (TEMPLATE.parent / "captions").iterdir()}
    templates = "".join(path.read_text() for path in TEMPLATE.parent.rglob("*.html.jinja"))
    assert captions == set(re.findall(r'picture\([^()]+?, "(\w+)"', templates))


@pytest.mark.parametrize(
    ("dense", "remainder", "said"),
    [
        (
            (),
            2e-6,
            "a logit is cut, exactly, into what each place .* add up to the logits but for rounding, by at most 2e-06",
        ),
        ((8,), 2e-6, "gradient times activation.* add up to the logits but for rounding"),
        ((8,), 0.25, "gradient times activation.* leaves a remainder, of at most 0.25 in these images"),
    ],
)
def test_the_page_calls_shares_exact_only_where_they_are(content, dense, remainder, said):
    change(content, "model", dense=dense)
    content["metrics"]["error_analysis"]["evidence_remainder"] = remainder
    assert re.search(said, rendered(content).text)
    assert ("exactly" in rendered(content).text) == (not dense)


def test_the_surest_mistakes_are_shown_as_far_as_there_are_any(content):
    content["misclassified"] = [wrong_image(index) for index in (17, 4, 9, 3)]
    figures = content["figures"]["error_analysis"]
    figures |= {f"places_mistake_{number}": figures["places_mistake_1"] for number in (2, 3)}
    text = rendered(content).text
    assert [word in text for word in ("the surest mistake", "the second", "the third")] == [True] * 3
    without_wrong_images(content)
    text = rendered(content).text
    assert "a wrong image" not in text
    assert "a right image" not in text  # which has no sibling to take turns with
    assert "the answer gained on the runner-up" in text


@pytest.mark.parametrize(
    ("temperature", "after", "said"),
    [
        (0.84, 0.0123, "here 0.84: below 1, since the network is less sure than it could be.*falls to 1.23 %"),
        (
            1.8,
            0.03,
            "here 1.80: above 1, since the network is surer than it should be.*does not fall: it goes to 3.00 %",
        ),
        (None, None, "A temperature that mends the probabilities would be chosen on validation images, and here"),
    ],
)
def test_the_page_says_what_a_temperature_does_and_chooses_none_on_the_test_set(content, temperature, after, said):
    content["metrics"]["error_analysis"] |= {"temperature": temperature, "expected_calibration_error_scaled": after}
    page = rendered(content)
    assert re.search(said, page.text)
    (row,) = [row for row in page.rows if row[0].startswith("expected calibration error")]
    assert row[1:] == (["0.0234"] if temperature is None else ["0.0234", f"{after:.4f}"])


def test_the_page_tells_what_refusing_the_least_sure_is_worth(content):
    text = rendered(content).text
    assert (
        "Refuse the least sure 5.0 % of the images, those below a confidence of 0.70, and 98.70 % of the rest" in text
    )
    assert "(95 % interval 98.00 % to 99.00 %), where 97.50 % are of all." in text


CHECKED = """
from scipy.special import softmax
from pipeline.kernel_demo import max_pool
assert model.count_params() == 54_410
assert (pooled == max_pool(response)).all()
assert abs(softmax(logits) - probabilities[0]).max() < 1e-5
assert np.isclose(accuracy, 1 - len(wrong) / len(y_test))
assert kernels.shape == (3, 3, 1, 32) and maps.shape == (1, 26, 26, 32)
"""


@pytest.mark.slow
def test_the_pages_lines_of_code_run_one_after_another_and_compute_what_the_page_says(content, finished, tmp_path):
    (tmp_path / "data").symlink_to(finished.folder / "data")
    lines = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", render(content), re.DOTALL)
    assert len(lines) == len(list((TEMPLATE.parent / "code").iterdir()))
    script = unescape("\n".join([*lines, CHECKED]))
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "kernels.png").exists()


def test_the_page_counts_what_the_kernels_are_like(content):
    text = rendered(content).text
    said = "Of 32 kernels 4 are edges, 2 are lines, 1 is the end of a line, 0 are spots and 3 are ink; 22 are like none"
    assert said in text
    assert "above 0.83, which 95 of 100 random kernels do not reach" in text
    assert "Before training 1 was like any of them; of the 10 random kernels of the demonstration 7 are ink." in text


@pytest.mark.parametrize(("random", "helps"), [(0.9, True), (0.7, False)])
def test_the_page_says_that_random_kernels_help_only_where_they_do(content, random, helps):
    content["metrics"]["visualise"]["ridge_accuracy_random"] = random
    text = rendered(content).text
    assert f"get {100 * random:.1f} % of 40 test images right, pooled pixels without any kernel 75.0 %, every" in text
    assert ("still help to tell the classes apart" in text) == helps


@pytest.mark.parametrize(("loss", "said"), [(0.6, True), (0.05, False)])
def test_the_page_blames_the_last_layers_for_what_a_shift_costs_only_where_it_costs_much(content, loss, said):
    content["shifts"] = [{"down": 0, "right": right, "accuracy": 0.9 - loss * (right > 0)} for right in (0, 3)]
    text = rendered(content).text
    assert f"Moved by three pixels to the right, {100 * (0.9 - loss):.1f} % are right, 90.0 % where they were." in text
    assert ("has learnt each place for itself" in text) == said
    assert ["gaussian blur", "2", "50.0 %", "50.0 % to 50.0 %", "0.500", "0.500"] in rendered(content).rows


@needs_browser
def test_on_a_phone_no_caption_of_a_table_is_wider_than_the_screen(content, tmp_path):
    content["all_settings"]["model.pool_after"] = tuple(range(40))
    (tmp_path / "page.html").write_text(render(content))
    with opened((tmp_path / "page.html").as_uri(), viewport={"width": 390, "height": 800}) as page:
        captions = page.locator("caption")
        assert captions.count() > 3
        for number in range(captions.count()):
            box = captions.nth(number).bounding_box()
            assert box is None or box["x"] + box["width"] <= 390
        table = page.locator(".settings table").bounding_box()
        assert table is not None
        assert table["width"] <= 390


@needs_browser
def test_pictures_of_kernels_take_turns_from_the_keyboard_without_a_script_and_all_stand_in_print(content, tmp_path):
    (tmp_path / "page.html").write_text(render(content))
    kinds = ["learnt", "before training", "random", "edges"]
    with opened((tmp_path / "page.html").as_uri(), java_script_enabled=False) as page:
        panes = page.locator("#learnt .toggle").first.locator(".pane")
        page.get_by_label("learnt", exact=True).focus()
        for number in range(len(kinds)):
            assert [panes.nth(place).is_visible() for place in range(4)] == [place == number for place in range(4)]
            page.keyboard.press("ArrowRight")
        page.emulate_media(media="print")
        assert all(panes.nth(place).is_visible() for place in range(4))
