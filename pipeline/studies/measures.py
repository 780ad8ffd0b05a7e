"""What a trial measures: names, and how they are told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """How a measure is told: its title, and the scale and unit in which differences are written."""

    title: str
    scale: float = 1
    unit: str = ""
    digits: int = 4


MEASURES = {
    "test_accuracy": Measure("test accuracy", 100, "points", 2),
    "test_loss": Measure("test loss"),
    "val_accuracy": Measure("validation accuracy", 100, "points", 2),
    "val_loss": Measure("validation loss"),
    "accuracy": Measure("training accuracy", 100, "points", 2),
    "loss": Measure("training loss"),
    "misclassification_auroc": Measure("AUROC of low confidence as a sign of a wrong answer"),
    "confidence_right": Measure("confidence where right"),
    "confidence_wrong": Measure("confidence where wrong"),
    "shift_4_accuracy": Measure("accuracy on test images moved by up to 4 pixels", 100, "points", 2),
}
