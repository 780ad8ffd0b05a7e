"""Studies in MLflow, once their results are on disk: a run for every trial, and one for the verdicts.

Light: MLflow is loaded where a study is published, and not before.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.errors import UserError
from pipeline.tracking import store
from pipeline.tracking.gc_paused import gc_paused
from pipeline.tracking.run import load_client


@dataclass(frozen=True)
class TrackedTrial:
    """A trial as one study names it."""

    key: str  # the SHA-256 of all that decides its result
    study: str
    variant: str
    seed: int
    settings: dict[str, Any]  # flat, `train.epochs`
    history: pd.DataFrame  # one row an epoch: epoch, loss, accuracy, val_loss, val_accuracy
    scores: dict[str, float | None]
    seconds: float
    failed: str | None  # the reason


def publish_study(name: str, trials: list[TrackedTrial], results: Path, page: Path | None) -> None:
    """Bring a study's trials and verdicts into MLflow; say in one line what came of it, or what stands in the way.

    `trials` are all that the study has now: those it had before leave it. What stands in the way costs no result.
    """
    tracking_client = load_client()  # first: it tells MLflow how to load
    with gc_paused():
        from pipeline.tracking import delivery, single, study_runs, trial_runs
    try:
        with tracking_client.store_errors():
            client = tracking_client.connect()
            delivery.flush(client)
            new = trial_runs.log_trials(client, trials)
            run_id, done = study_runs.log_study(client, name, results, page)
    except (UserError, OSError) as error:
        print(
            f"study {name}: not in MLflow: {store.first_line(error)}. The results are whole; once that is mended "
            f"`make study NAME={name}` logs them.",
            file=sys.stderr,
        )
    else:
        print(f"study {name}: in MLflow {new} new trials of {len(trials)}; run {run_id} {single.DONE[done]}")
