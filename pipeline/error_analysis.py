"""error_analysis: what the network gets wrong, and whether it knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.figures import style
from pipeline.figures.calibration import draw_reliability, draw_risk_coverage
from pipeline.figures.evidence import draw_filters, draw_places
from pipeline.figures.predictions import draw_answers, draw_confidence, draw_confusion, draw_example
from pipeline.metrics.calibration import (
    adaptive_calibration_error,
    answers,
    area_under_risk_coverage,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    risk_coverage,
    selective_accuracy,
    smooth_calibration_error,
    temperature_scaled,
)
from pipeline.metrics.labels import doubtful, probable_errors
from pipeline.metrics.scores import confidence, separation, softmax
from pipeline.metrics.statistics import confusion_matrix
from pipeline.network.kernels import Array, as_pictures
from pipeline.tracking.stage import stage

Part = Literal["test", "train"]
PARTS: dict[Part, str] = {"test": "test", "train": "training"}
GALLERY = 48  # wrong images in the picture; all of them are in the table
DOUBTFUL = 24  # images of each part whose labels are believed least, in the picture; the table has four times as many


def misclassified(
    probabilities: NDArray[np.float32], predicted: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> pd.DataFrame:
    """Return one row a wrong image, the surest mistake first: index, label, predicted and their two probabilities."""
    index = np.flatnonzero(predicted != labels)
    table = pd.DataFrame(
        {
            "index": index,
            "label": labels[index],
            "predicted": predicted[index],
            "probability_of_predicted": probabilities[index, predicted[index]],
            "probability_of_label": probabilities[index, labels[index]],
        }
    )
    return table.sort_values("probability_of_predicted", ascending=False, kind="stable", ignore_index=True)


def calibration(logits: NDArray[np.floating], labels: NDArray[np.uint8], suffix: str = "") -> dict[str, float]:
    """Return how far the probabilities of logits (n, classes) can be trusted, each measure's name with a suffix."""
    sure, right = answers(logits, labels)
    measures = {
        "expected_calibration_error": expected_calibration_error(sure, right),
        "adaptive_calibration_error": adaptive_calibration_error(sure, right),
        "smooth_calibration_error": smooth_calibration_error(sure, right),
        "negative_log_likelihood": negative_log_likelihood(logits, labels),
        "brier_score": brier_score(logits, labels),
    }
    return {f"{name}{suffix}": value for name, value in measures.items()}


def trust(
    saved: Mapping[str, NDArray[Any]], validated: bool
) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[Any]]]]:
    """Return how far the test set's probabilities can be trusted, and the reliability tables by name.

    Also after temperature scaling, where images have `validated`: else the test set would choose its own temperature.
    """
    logits, labels = saved["logits"], saved["labels"]
    tables = {"as it answers": reliability(*answers(logits, labels))}
    measures: dict[str, Any] = {"temperature": None, **calibration(logits, labels)}
    if validated:
        temperature = fit_temperature(saved["validation_logits"], saved["validation_labels"])
        scaled = temperature_scaled(logits, temperature)
        tables[f"its logits over {temperature:.2f}"] = reliability(*answers(scaled, labels))
        measures |= {"temperature": temperature, **calibration(scaled, labels, "_scaled")}
    return measures, tables


def examples_of(evidence: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """Return the test images of which there is evidence, by their names, in the order of its rows."""
    found = {name: int(index) for name, index in evidence.items() if name.startswith("image/")}
    return {name.removeprefix("image/"): index for name, index in found.items()}


def draw_evidence(
    evidence: Mapping[str, Any], saved: Mapping[str, NDArray[Any]], learnt: Sequence[Array], folder: Path
) -> None:
    """Draw what spoke for the answer to each example, and of a right and a wrong one their probabilities.

    `learnt` are the kernels of every convolution: without one there are no filters.
    """
    images, classes = prepared.load("test").images, prepared.class_names()
    names, brief = style.short_names(classes), style.short_names(classes, longest=8)
    kernels = as_pictures(learnt[0]) if len(learnt) == 1 else None  # else the maps are those of a later layer
    for row, (name, index) in enumerate(examples_of(evidence).items()):
        image, label = images[index], int(saved["labels"][index])
        parts = (evidence["bias"][row], evidence["logits"][row])
        places = draw_places(image, evidence["by_place"][row], *parts, label, names, evidence["grid"])
        style.save(places, folder / f"places_{name}.png")
        if name in ("right", "wrong"):
            example = draw_example(image, saved["probabilities"][index], label, index, names)
            style.save(example, folder / f"{name}.png")
            if learnt:
                filters = draw_filters(evidence["by_filter"][row], *parts, label, brief, kernels)
                style.save(filters, folder / f"filters_{name}.png")


def draw_gallery(part: Part, table: pd.DataFrame, heading: str, path: Path) -> None:
    """Draw the images of a table with the columns index, label, predicted and probability_of_predicted."""
    images, names = prepared.load(part).images[table["index"]], style.short_names(prepared.class_names())
    style.save(draw_answers(images, table, names, heading), path)


def main() -> None:
    """Draw examples with what spoke for their answers, the histogram, the confusion matrix; list every wrong image."""
    with stage("error_analysis") as run:
        with np.load(paths.PREDICTIONS) as file:
            saved = dict(file)
        with np.load(paths.EVIDENCE) as file:
            evidence = dict(file)
        with np.load(paths.TRAINED_KERNELS) as file:
            learnt = [file[name] for name in file if name.startswith("learnt/")]

        probabilities, predicted, labels = saved["probabilities"], saved["predicted"], saved["labels"]
        sure, right = answers(saved["logits"], labels)
        wrong, confidences = predicted != labels, confidence(probabilities)
        measures, tables = trust(saved, validated=run.params.prepare.validation == "holdout")
        area, kept = area_under_risk_coverage(sure, right), selective_accuracy(sure, right)
        table = misclassified(probabilities, predicted, labels)
        asked: dict[Part, tuple[NDArray[np.float32], NDArray[np.uint8]]] = {"test": (probabilities, labels)}
        if "train_logits" in saved:  # of networks that had not learnt the image
            asked["train"] = (softmax(saved["train_logits"]), saved["train_labels"])
        doubted = {part: pd.DataFrame(doubtful(*said, 4 * DOUBTFUL)) for part, said in asked.items()}

        folder = paths.figures("error_analysis")
        draw_evidence(evidence, saved, learnt, folder)
        style.save(draw_confidence(confidences, wrong), folder / "confidence.png")
        style.save(draw_reliability(tables), folder / "reliability.png")
        style.save(draw_risk_coverage(risk_coverage(sure, right), area, kept), folder / "risk_coverage.png")
        names = style.short_names(prepared.class_names())
        style.save(draw_confusion(confusion_matrix(labels, predicted, len(names)), names), folder / "confusion.png")
        if wrong.any():
            heading = "Wrong images, the surest mistakes first"
            draw_gallery("test", table.head(GALLERY), heading, folder / "misclassified.png")
        for part, least in doubted.items():
            heading = f"The labels of {PARTS[part]} images that are believed least"
            draw_gallery(part, least.head(DOUBTFUL), heading, folder / f"doubtful_{part}.png")

        files.write_text(paths.MISCLASSIFIED, table.to_csv(index=False))
        files.write_text(paths.DOUBTFUL, pd.concat(doubted, names=["part"]).droplevel(1).to_csv())
        examples = examples_of(evidence)
        remainder = np.abs(evidence["logits"] - evidence["by_filter"].sum(axis=1) - evidence["bias"]).max()
        results: dict[str, Any] = {
            **separation(confidences, wrong),
            **{f"{name}_example": examples.get(name) for name in ("right", "wrong")},
            **measures,
            "area_under_risk_coverage": area,
            **{f"selective_{name}": value for name, value in kept.items()},
            "evidence_remainder": float(remainder),
            **{
                f"probable_label_errors_{part}": probable_errors(*asked[part]) if part in asked else None
                for part in PARTS
            },
        }
        protocol = {"test_set": prepared.TEST_SET[run.params.prepare.validation]}
        files.write_json(paths.metrics("error_analysis"), results | protocol)


if __name__ == "__main__":
    main()
