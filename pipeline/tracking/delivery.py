"""Executions of stages from the outbox into MLflow: each once, whatever cuts a delivery off."""

import sys

import filelock
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric
from mlflow.exceptions import MlflowException

from pipeline.tracking import client as tracking_client
from pipeline.tracking import outbox, store
from pipeline.tracking.client import REFUSALS, STAGES, STORE_ERRORS
from pipeline.tracking.outbox import PendingRun


def flush(client: MlflowClient) -> BaseException | None:
    """Log every execution that is over and that the store does not have yet; return what stopped it, if anything.

    What the store does not have yet goes on waiting.
    """
    with filelock.FileLock(outbox.place() / "lock"):
        for pending in outbox.ended():
            try:
                deliver(client, pending)
            except STORE_ERRORS as error:
                if not isinstance(error, MlflowException) or error.error_code not in REFUSALS:
                    return error
                print(f"MLflow refuses the run of {pending.stage}: {store.first_line(error)}", file=sys.stderr)
            pending.drop()
    return None


def deliver(client: MlflowClient, pending: PendingRun) -> None:
    """Log an execution as far as it has come; what was logged before is not logged again.

    Raises one of STORE_ERRORS when the store goes away.
    """
    if pending.run_id is None or not _knows(client, pending.run_id):
        _begin(client, pending)
    unsent = pending.metrics[pending.sent :]
    client.log_batch(pending.run_id, metrics=[Metric(**point) for point in unsent])
    pending.sent += len(unsent)
    if pending.status == "RUNNING":
        return
    pending.keep_results()
    if pending.traceback:
        client.log_text(pending.run_id, pending.traceback, "traceback.txt")
    if (pending.folder / "artifacts").exists():
        client.log_artifacts(pending.run_id, str(pending.folder / "artifacts"))
    for key, value in pending.tags.items():
        client.set_tag(pending.run_id, key, value)
    client.set_terminated(pending.run_id, pending.status, pending.end_time)


def _knows(client: MlflowClient, run_id: str) -> bool:
    """Tell whether the store has a run; another store may have come into its place."""
    try:
        client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


def _begin(client: MlflowClient, pending: PendingRun) -> None:
    """Give a record its run with settings and inputs: the one that a delivery which was cut off began, or a new one."""
    experiment = client.get_experiment_by_name(STAGES).experiment_id
    tags = pending.tags | {"record": pending.name}
    found = client.search_runs([experiment], f"tags.record = '{pending.name}'") if pending.begun else []
    if not found:
        pending.begun = True
        pending.save()
        found = [client.create_run(experiment, start_time=pending.start_time, tags=tags, run_name=pending.stage)]
    run_id = found[0].info.run_id
    client.log_batch(run_id, params=tracking_client.as_params(pending.params))
    inputs = [
        DatasetInput(Dataset(name=path, digest=digest, source_type="dvc", source=path))
        for path, digest in pending.inputs.items()
    ]
    if inputs:
        tracking_client.retried(lambda: client.log_inputs(run_id, inputs))
    pending.run_id, pending.sent = run_id, 0
    pending.save()
