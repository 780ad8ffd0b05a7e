"""What goes into a trial and what is kept of it."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.data.prepared import Split


@dataclass(frozen=True)
class Data:
    """A data set as it comes: the images from which training and validation take theirs, and the test images."""

    pool: Split
    test: Split
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What is kept of a trial; of one that failed only the reason.

    The arrays are in the order of the test images: predicted class, highest probability and the label's, (n,); and of
    up to 1,000 images the share of their moves at which the network is right.
    """

    scores: dict[str, float | None] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)  # one row an epoch
    predicted: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    confidence: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    probability_of_label: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    shifted: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    weights: str = ""  # their SHA-256
    parameters: int = 0
    seconds: float = 0.0  # of training
    failed: str = ""
    again: bool = False  # whether another try may do better, so that it is not kept
