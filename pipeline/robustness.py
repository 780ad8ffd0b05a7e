"""robustness: what the network still knows when images change, how sure it is then, and where a digit may lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import paths
from pipeline.data import files, prepared
from pipeline.figures import style
from pipeline.figures.robustness import draw_curves, draw_samples, draw_shifts
from pipeline.metrics.calibration import expected_calibration_error
from pipeline.metrics.corruptions import STRENGTHS, corrupted
from pipeline.metrics.movements import shifted
from pipeline.metrics.scores import confidence, softmax
from pipeline.metrics.statistics import wilson_interval
from pipeline.network import saving
from pipeline.network.quick import Images, Logits, quick_logits
from pipeline.tracking.stage import stage

LONGEST = 6  # pixels, of the shifts in the map
COLUMNS = ["corruption", "strength", "accuracy", "accuracy_low", "accuracy_high", "confidence", "ece"]


def answers(
    images: Images, names: Sequence[str], seed: int, logits: Logits
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the class and the confidence that images (n, height, width) get under each corruption.

    Both are (corruptions, strengths, n), the strengths from 0, which is the image as it was, to 5.
    """
    plain = softmax(logits(images))
    probabilities = [
        [plain, *(softmax(logits(corrupted(images, name, strength, seed))) for strength in range(1, STRENGTHS + 1))]
        for name in names
    ]
    predicted = [[each.argmax(axis=1) for each in strengths] for strengths in probabilities]
    return np.array(predicted, np.uint8), np.array([[*map(confidence, strengths)] for strengths in probabilities])


def table(names: Sequence[str], right: NDArray[np.bool_], confidences: NDArray[np.float32]) -> pd.DataFrame:
    """Return a row for each corruption and strength, from answers (corruptions, strengths, n).

    Accuracy with its 95 % Wilson interval, the mean confidence, and the expected calibration error.
    """
    rows = []
    for (corruption, strength), accuracy in np.ndenumerate(right.mean(axis=2)):
        hits, sure = right[corruption, strength], confidences[corruption, strength].astype(np.float64)
        low, high = wilson_interval(int(hits.sum()), len(hits))
        error = expected_calibration_error(sure, hits)
        rows.append((names[corruption], strength, accuracy, low, high, sure.mean(), error))
    return pd.DataFrame(rows, columns=COLUMNS)


def means(right: NDArray[np.bool_], confidences: NDArray[np.float32]) -> pd.DataFrame:
    """Return a row a strength, from answers (corruptions, strengths, n): accuracy and confidence over all corruptions.

    The 95 % interval is that of `robustness`: rather too wide above strength 0.
    """
    rows = []
    for strength, shares in enumerate(right.mean(axis=0)):
        low, high = wilson_interval(float(shares.sum()), len(shares))
        rows.append((strength, shares.mean(), low, high, confidences[:, strength].mean(dtype=np.float64)))
    return pd.DataFrame(rows, columns=COLUMNS[1:-1])


def robustness(right: NDArray[np.bool_]) -> dict[str, float]:
    """Return the mean accuracy over all corruptions and strengths above 0, of answers (corruptions, strengths, n).

    Each image counts by the share of its changes after which it is right. The 95 % interval is Wilson's for n answers,
    and so rather too wide: such shares vary less than answers that are right or wrong.
    """
    shares = right[:, 1:].mean(axis=(0, 1))
    low, high = wilson_interval(float(shares.sum()), len(shares))
    return {"robustness_mean": float(shares.mean()), "robustness_low": low, "robustness_high": high}


def shift_map(images: Images, labels: NDArray[np.uint8], logits: Logits) -> NDArray[np.float64]:
    """Return the accuracy on images (n, height, width) moved by -6 to 6 pixels: down in rows, right in columns."""
    steps = range(-LONGEST, LONGEST + 1)
    moved = [[logits(shifted(images, down, right)) for right in steps] for down in steps]
    return np.array([[(each.argmax(axis=1) == labels).mean() for each in row] for row in moved])


def main() -> None:
    """Write accuracy, confidence and calibration under each corruption and strength, and the map of shifts."""
    with stage("robustness") as run:
        settings = run.params.robustness
        test = prepared.load("test")
        count = len(test.images) if settings.images == "all" else min(settings.images, len(test.images))
        images, labels = np.asarray(test.images[:count]), test.labels[:count]
        network = saving.load(paths.MODEL)
        logits = quick_logits(network, count)
        predicted, confidences = answers(images, settings.corruptions, settings.seed, logits)
        right = predicted == labels
        results = table(settings.corruptions, right, confidences)
        shifts = shift_map(images, labels, logits)

        folder = paths.figures("robustness")
        style.save(draw_curves(results, means(right, confidences)), folder / "curves.png")
        style.save(draw_shifts(shifts), folder / "shifts.png")
        versions = [
            [corrupted(images[:1], name, strength, settings.seed)[0] for strength in range(STRENGTHS + 1)]
            for name in settings.corruptions
        ]
        names = style.short_names(prepared.class_names(), longest=8)  # bold they fill a column
        samples = draw_samples(np.array(versions), settings.corruptions, predicted[..., 0], int(labels[0]), names)
        style.save(samples, folder / "samples.png")
        files.write_text(paths.ROBUSTNESS, results.to_csv(index=False))
        by_shift = pd.DataFrame(
            [(down - LONGEST, right - LONGEST, accuracy) for (down, right), accuracy in np.ndenumerate(shifts)],
            columns=["down", "right", "accuracy"],
        )
        files.write_text(paths.SHIFTS, by_shift.to_csv(index=False))
        protocol: dict[str, Any] = {
            "robustness_images": count,
            "test_set": prepared.TEST_SET[run.params.prepare.validation],
        }
        files.write_json(paths.metrics("robustness"), robustness(right) | protocol)


if __name__ == "__main__":
    main()
