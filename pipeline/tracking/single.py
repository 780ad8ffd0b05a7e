"""One run a content, though many publish at once to a store on which no lock is common to all.

Each ends its run and then looks: of all ended runs of a content the first in order stays, and whoever looks withdraws
the others. That one is never withdrawn, since it is the first in every look, and the last to end its run sees all.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pipeline.tracking import client as tracking_client
from pipeline.tracking import store
from pipeline.tracking.outbox import now

ABANDONED = 60 * 60 * 1000  # milliseconds after which an unfinished run is nobody's work any more
PAGE = 500  # runs at a time: a server has some seconds to answer
UNFINISHED = "attributes.status != 'FINISHED' and attributes.status != 'FAILED'"
DONE = {"written": "written", "mended": "had lost files; they are written again", "found": "holds this content already"}
ENDED = ("FINISHED", "FAILED")


def search(client: MlflowClient, home: str, condition: str = "") -> list[Run]:
    """Return all runs of an MLflow experiment that meet a condition, the oldest first."""
    found: dict[str, Run] = {}  # what is deleted or added meanwhile shifts the pages
    token = None
    while True:
        page = client.search_runs([home], condition, max_results=PAGE, order_by=["start_time ASC"], page_token=token)
        found |= {run.info.run_id: run for run in page}
        token = page.token
        if not token:
            return list(found.values())


def ended(client: MlflowClient, home: str, condition: str = "") -> dict[str, list[Run]]:
    """Return the ended runs of each content, first the one that stays: finished before failed, then the earliest."""
    runs = [run for run in search(client, home, condition) if run.info.status in ENDED and "content" in run.data.tags]
    found: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.info.status != "FINISHED", run.info.start_time, run.info.run_id)):
        found.setdefault(run.data.tags["content"], []).append(run)
    return found


def keep_first(client: MlflowClient, home: str, content: str) -> Run | None:
    """Return the ended run of a content that stays, if there is one, and withdraw the others."""
    first, *others = ended(client, home, f"tags.content = '{content}'").get(content, [None])
    for run in others:
        withdraw(client, run)
    return first


def finish(client: MlflowClient, run: Run) -> Run:
    """Finish a run that has all its content; return the run that stays, another one where somebody was faster."""
    home, content = run.info.experiment_id, run.data.tags["content"]
    if standing := keep_first(client, home, content):
        withdraw(client, run)
        return standing
    client.set_terminated(run.info.run_id, "FINISHED", end_time=now())
    return keep_first(client, home, content) or run


def withdraw_unfinished(client: MlflowClient, home: str) -> None:
    """Withdraw runs that a publisher of this repository left unfinished, and those of others after an hour.

    Those that were withdrawn before are among them when somebody restores their experiment.
    """
    for run in search(client, home, UNFINISHED):
        is_own = run.data.tags.get("publisher") == store.publisher()
        if "content" in run.data.tags and (is_own or now() - run.info.start_time > ABANDONED):
            withdraw(client, run)


def withdraw(client: MlflowClient, run: Run) -> None:
    """Delete a run and its model, both marked so that neither counts when its experiment is restored."""
    with others_may_be_faster():
        client.set_terminated(run.info.run_id, "KILLED", end_time=run.info.end_time or now())
        for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
            client.delete_logged_model(model.model_id)
        client.delete_run(run.info.run_id)


@contextmanager
def others_may_be_faster() -> Iterator[None]:
    """Let what the store refuses inside be, since another publisher has withdrawn the run meanwhile."""
    try:
        yield
    except MlflowException as error:
        if error.error_code not in (*tracking_client.REFUSALS, "RESOURCE_DOES_NOT_EXIST"):
            raise
