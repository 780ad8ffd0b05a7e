"""error_analysis: what the network gets wrong, and whether it knows."""

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
from pipeline.network.kernels import as_pictures
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


def main() -> None:
    """Draw examples with what spoke for their answers, the histogram, the confusion matrix; list every wrong image."""
    with stage("error_analysis") as run:
        images = prepared.load("test").images
        names = style.short_names(prepared.class_names())
        with np.load(paths.PREDICTIONS) as saved:
            probabilities, predicted, labels = saved["probabilities"], saved["predicted"], saved["labels"]
            logits, watched, watched_labels = saved["logits"], saved["validation_logits"], saved["validation_labels"]
            asked: dict[Part, tuple[NDArray[np.float32], NDArray[np.uint8]]] = {"test": (probabilities, labels)}
            if "train_logits" in saved:  # of networks that had not learnt the image
                asked["train"] = (softmax(saved["train_logits"]), saved["train_labels"])
        with np.load(paths.EVIDENCE) as saved:
            evidence = dict(saved)
        examples = {
            name.removeprefix("image/"): int(index) for name, index in evidence.items() if name.startswith("image/")
        }
        with np.load(paths.TRAINED_KERNELS) as saved:
            learnt = [saved[name] for name in saved if name.startswith("learnt/")]
        kernels = as_pictures(learnt[0]) if len(learnt) == 1 else None  # else the maps are those of a later layer
        validated = run.params.prepare.validation == "holdout"  # else the test set would choose its own temperature
        temperature = fit_temperature(watched, watched_labels) if validated else None
        sure, right = answers(logits, labels)
        tables = {"as it answers": reliability(sure, right)}
        trust: dict[str, float | None] = {"temperature": temperature, **calibration(logits, labels)}
        if temperature is not None:
            scaled = temperature_scaled(logits, temperature)
            tables[f"its logits over {temperature:.2f}"] = reliability(*answers(scaled, labels))
            trust |= calibration(scaled, labels, "_scaled")
        area, kept = area_under_risk_coverage(sure, right), selective_accuracy(sure, right)
        wrong = predicted != labels
        confidences = confidence(probabilities)
        table = misclassified(probabilities, predicted, labels)

        folder = paths.figures("error_analysis")
        for row, (name, index) in enumerate(examples.items()):
            image, label = images[index], int(labels[index])
            parts = (evidence["bias"][row], evidence["logits"][row])
            figure = draw_places(image, evidence["by_place"][row], *parts, label, names, evidence["grid"])
            style.save(figure, folder / f"places_{name}.png")
            if name in ("right", "wrong"):
                style.save(draw_example(image, probabilities[index], label, index, names), folder / f"{name}.png")
                if learnt:  # without a convolution there are no filters
                    figure = draw_filters(evidence["by_filter"][row], *parts, label, names, kernels)
                    style.save(figure, folder / f"filters_{name}.png")
        style.save(draw_confidence(confidences, wrong), folder / "confidence.png")
        style.save(draw_reliability(tables), folder / "reliability.png")
        style.save(draw_risk_coverage(risk_coverage(sure, right), area, kept), folder / "risk_coverage.png")
        shown = table.head(GALLERY)
        gallery = draw_answers(images[shown["index"]], shown, names, "Wrong images, the surest mistakes first")
        style.save(gallery, folder / "misclassified.png")
        matrix = confusion_matrix(labels, predicted, len(names))
        style.save(draw_confusion(matrix, names), folder / "confusion.png")
        files.write_text(paths.MISCLASSIFIED, table.to_csv(index=False))
        doubted = {part: pd.DataFrame(doubtful(*said, 4 * DOUBTFUL)) for part, said in asked.items()}
        for part, least in doubted.items():
            shown = least.head(DOUBTFUL)
            pictures = prepared.load(part).images[shown["index"]]
            gallery = draw_answers(
                pictures, shown, names, f"The labels of {PARTS[part]} images that are believed least"
            )
            style.save(gallery, folder / f"doubtful_{part}.png")
        files.write_text(paths.DOUBTFUL, pd.concat(doubted, names=["part"]).droplevel(1).to_csv())
        results: dict[str, Any] = {
            **separation(confidences, wrong),
            **{f"{name}_example": examples.get(name) for name in ("right", "wrong")},
            **trust,
            "area_under_risk_coverage": area,
            **{f"selective_{name}": value for name, value in kept.items()},
            "evidence_remainder": float(
                np.abs(evidence["logits"] - evidence["by_filter"].sum(axis=1) - evidence["bias"]).max()
            ),
            **{
                f"probable_label_errors_{part}": probable_errors(*asked[part]) if part in asked else None
                for part in PARTS
            },
        }
        protocol = {"test_set": prepared.TEST_SET[run.params.prepare.validation]}
        files.write_json(paths.metrics("error_analysis"), results | protocol)


if __name__ == "__main__":
    main()
