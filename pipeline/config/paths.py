"""Every file that passes between stages, relative to the folder of dvc.yaml."""

from pathlib import Path

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
CLASS_NAMES = "classes.txt"  # in both folders, one name a line
PREDICTIONS = Path("data/predictions.npz")  # of the test images, and validation_logits with validation_labels
EVIDENCE = Path("data/evidence.npz")  # the images of EXAMPLES, and Evidence of each
ACTIVATIONS = Path("data/activations.npz")  # the index of an image, and <convolution>/<layer> maps

MODEL = Path("models/model.keras")
WEIGHTS = Path("models/weights.npz")  # all of them, <layer>/<weight>
TRAINED_KERNELS = Path("models/kernels.npz")  # initial/<layer> and learnt/<layer>
LAYERS_TEXT = Path("models/layers.txt")
LAYERS = Path("models/layers.json")

METRICS = Path("metrics")
HISTORY = METRICS / "history.csv"
MISCLASSIFIED = METRICS / "misclassified.csv"
DOUBTFUL = METRICS / "doubtful.csv"
CONFUSION = METRICS / "confusion.csv"
CLASSES = METRICS / "classes.csv"
KERNEL_TYPES = METRICS / "kernel_types.csv"
RIDGE = METRICS / "ridge.csv"
KERNELS = METRICS / "kernels.csv"
ROBUSTNESS = METRICS / "robustness.csv"
SHIFTS = METRICS / "shifts.csv"

FIGURES = Path("figures")
REPORT = Path("report/index.html")
PLAYGROUND = Path("report/playground.html")
PUBLISHED = Path("data/published.json")


def metrics(stage: str) -> Path:
    """Return the file of a stage's metrics."""
    return METRICS / f"{stage}.json"


def figures(stage: str) -> Path:
    """Return the folder of a stage's figures."""
    return FIGURES / stage
