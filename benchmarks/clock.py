"""What every peer shares: the same images, and the same way to take the time."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

GOAL = 0.99  # of the test set right, where a race ends
EPOCHS = 3  # validated after each; then two without
SOME = 10_000  # training images: of a large network an epoch of all takes a minute


def mnist(folder: Path, count: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the first training images uint8 (n, 28, 28) with labels int32, and the test images with theirs."""

    def read(name: str, header: int) -> np.ndarray:
        return np.frombuffer((folder / name).read_bytes(), np.uint8, offset=header)

    return (
        read("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)[:count],
        read("train-labels-idx1-ubyte", 8)[:count].astype(np.int32),
        read("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28),
        read("t10k-labels-idx1-ubyte", 8).astype(np.int32),
    )


def measure(epoch: Callable[[bool], float], images: int) -> None:
    """Train three epochs with validation and two without; print images a second of both, and the accuracy, as JSON.

    What an epoch of the first kind spends on compiling is counted, as a user pays it; of the second kind it is not.
    """
    started = time.perf_counter()
    for _ in range(EPOCHS):
        accuracy = epoch(True)
    with_validation = time.perf_counter() - started
    epoch(False)
    started = time.perf_counter()
    epoch(False)
    without = time.perf_counter() - started
    print(
        json.dumps(
            {
                "seconds": with_validation,
                "images_a_second_validated": EPOCHS * images / with_validation,
                "images_a_second": images / without,
                "accuracy": accuracy,
            }
        )
    )


def steady(train: Callable[[int, Callable[..., None]], object], images: int) -> None:
    """Train an epoch that compiles and two more; print images a second of those two, as JSON.

    `train` trains so many epochs in one go, as a user does, and calls a function after each.
    """
    ends: list[float] = []
    train(3, lambda *_: ends.append(time.perf_counter()))
    print(json.dumps({"images_a_second": 2 * images / (ends[-1] - ends[0])}))


def race(epoch: Callable[[], None], accuracy: Callable[[], float], epochs: int) -> None:
    """Train until the goal is reached; print the seconds of training, the epochs and the accuracy then, as JSON.

    The clock stands still while the test set is counted. One that does not get there in its epochs has failed.
    """
    seconds = 0.0
    for number in range(1, epochs + 1):
        started = time.perf_counter()
        epoch()
        seconds += time.perf_counter() - started
        reached = accuracy()
        if reached >= GOAL:
            print(json.dumps({"seconds": seconds, "epochs": number, "accuracy": reached}))
            return
    raise SystemExit(f"only {reached:.4f} after {epochs} epochs")
