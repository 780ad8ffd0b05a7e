"""One run a trial in MLflow, whichever studies it is of: settings, curves, scores, and what each study calls it."""

from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag

from pipeline.tracking import client as tracking_client
from pipeline.tracking import names, single, store
from pipeline.tracking.outbox import now
from pipeline.tracking.studies import TrackedTrial

# The tag `variant.<study>` holds what a study calls the trial. One tag a study: another study may call it otherwise,
# and publishers that add theirs at the same time overwrite none.
VARIANT = "variant."
LOOKS = 5  # at most, should others go on changing the same runs


def log_trials(client: MlflowClient, trials: list[TrackedTrial]) -> int:
    """Log the trials that some studies have now, each that the store lacks as a run; return how many those were.

    What this repository logged as a trial of these studies before, and is none any more, loses their tags.
    """
    variants: dict[str, dict[str, str]] = {}
    for trial in trials:
        variants.setdefault(trial.key, {})[VARIANT + names.clean(trial.study)] = trial.variant
    with store.lock():
        home = tracking_client.home(client, tracking_client.TRIALS)
        single.withdraw_unfinished(client, home)
        status = {content: runs[0].info.status for content, runs in single.ended(client, home).items()}
        new = [
            trial
            for trial in {trial.key: trial for trial in trials}.values()
            if status.get(trial.key) not in (single.ENDED if trial.failed else ["FINISHED"])  # a new try may end well
        ]
        for trial in new:
            log_trial(client, home, trial, variants[trial.key])
        for _look in range(LOOKS):
            if not settle(client, home, variants):
                break
    return len(new)


def log_trial(client: MlflowClient, home: str, trial: TrackedTrial, variants: dict[str, str]) -> None:
    """Log a trial as a run; one that failed as a failed run, its reason as a tag."""
    time = now()
    tags = {
        "content": trial.key,
        "publisher": store.publisher(),
        "seed": str(trial.seed),
        **study_tags(variants),
        **({"failed": trial.failed} if trial.failed else {}),
    }
    run = client.create_run(home, run_name=f"{trial.variant}, seed {trial.seed}", tags=tags, start_time=time)
    epochs = trial.history.to_dict("records")
    curves = [
        Metric(name, float(row[name]), time, int(row["epoch"]))
        for row in epochs
        for name in trial.history.columns.drop("epoch")
    ]
    # MLflow's table shows the last point of a curve: it must be the kept network's, which may be of an earlier epoch
    last = epochs[-1] if epochs else {}
    scores = {name: value for name, value in trial.scores.items() if value is not None and value != last.get(name)}
    single_points = [
        Metric(name, float(value), time + 1, int(last["epoch"]) if name in last else 0)
        for name, value in (scores | {"seconds": trial.seconds}).items()
    ]
    client.log_batch(run.info.run_id, curves + single_points, tracking_client.as_params(trial.settings))
    end = time + round(1000 * trial.seconds)  # so that MLflow's column Duration shows what the trial took
    client.set_terminated(run.info.run_id, "FAILED" if trial.failed else "FINISHED", end_time=end)


def settle(client: MlflowClient, home: str, variants: dict[str, dict[str, str]]) -> bool:
    """Keep one run of each trial, tagged with what every study calls it; tell whether a tag had to change.

    Then others may have changed it at the same time, and another look is due.
    """
    studies = {study for of_trial in variants.values() for study in of_trial}
    has_changed = False
    for content, runs in single.ended(client, home).items():
        first, *others = runs
        is_own = first.data.tags.get("publisher") == store.publisher()
        kept = {
            key: value
            for run in reversed(runs)
            for key, value in run.data.tags.items()
            if key.startswith(VARIANT) and not (is_own and key in studies)
        }
        has_changed |= retag(client, first, study_tags(kept | variants.get(content, {})))
        for run in others:
            single.withdraw(client, run)
    return has_changed


def retag(client: MlflowClient, run: Run, tags: dict[str, str]) -> bool:
    """Give a run these tags of studies and no others; tell whether it had others."""
    before = {key: value for key, value in run.data.tags.items() if key in ("study", "variant") or VARIANT in key}
    with single.others_may_be_faster():
        changed = [RunTag(key, value) for key, value in tags.items() if before.get(key) != value]
        client.log_batch(run.info.run_id, tags=changed)
        for key in before.keys() - tags.keys():
            client.delete_tag(run.info.run_id, key)
    return before != tags


def study_tags(variants: dict[str, str]) -> dict[str, str]:
    """Return what a run tells of its studies: all of them, all names that they have for it, and each one's name."""
    if not variants:
        return {}
    studies = ", ".join(sorted(key.removeprefix(VARIANT) for key in variants))
    return {"study": studies, "variant": ", ".join(sorted(set(variants.values()))), **variants}
