"""A tracked run for every execution of a stage. Its results are its files; MLflow only shows them."""

import contextlib
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param

from pipeline import files, params, paths, results, store


@dataclass(frozen=True)
class Ending:
    """How and when a run ended, and the tags it gets then."""

    status: str
    time: int  # milliseconds
    tags: dict[str, str]


@dataclass
class StageRun:
    """One execution of a stage. A store that goes away does not stop it: what is unsent waits on disk."""

    name: str
    params: params.Params
    client: MlflowClient
    run_id: str
    unsent: list[Metric] = field(default_factory=list)
    live: set[str] = field(default_factory=set)  # metrics that have their points already

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Log one point of every curve, epochs counted from 1."""
        self.live |= metrics.keys()
        away = bool(self.unsent)  # a store that hangs costs its time-out once, not every epoch
        self.unsent += points(metrics, step=epoch)
        if not away:
            self._send(lambda: self._send_points())

    def finish(self, costs: dict[str, float], made: list[Path]) -> None:
        """Log what came out and close the run."""
        metrics = files.read_json(paths.metrics(self.name)) if paths.metrics(self.name) in made else {}
        self.unsent += points(
            costs | {key: value for key, value in results.numbers(metrics).items() if key not in self.live}
        )
        end = Ending("FINISHED", int(time.time() * 1000), {"results": results.digest(made)})
        shown = [path for path in made if path.parts[0] != "data"]
        self._close(end, lambda: log_files(self.client, self.run_id, shown))

    def fail(self, costs: dict[str, float], error: BaseException) -> None:
        """Log why the stage ended early and close the run."""
        self.unsent += points(costs)
        text = "".join(traceback.format_exception(error))
        end = Ending("FAILED" if isinstance(error, Exception) else "KILLED", int(time.time() * 1000), {})
        self._close(end, lambda: self.client.log_text(self.run_id, text, "traceback.txt"))

    def _close(self, end: Ending, log_artifacts: Callable[[], object]) -> None:
        def send() -> None:
            self._send_points()
            log_artifacts()
            close(self.client, self.run_id, end)

        if not self._send(send):
            keep_for_later(self.run_id, self.unsent, end)
            print(
                f"{self.name}: the MLflow store went away; not logged: {len(self.unsent)} metric values and the "
                "artifacts. The files are whole; once the store is back the next stage logs the values, and publish "
                "the complete run.",
                file=sys.stderr,
            )

    def _send_points(self) -> None:
        self.client.log_batch(self.run_id, metrics=self.unsent)
        self.unsent = []

    def _send(self, call: Callable[[], object]) -> bool:
        try:
            call()
        except store.STORE_ERRORS:
            return False
        return True


@contextmanager
def stage_run(name: str, settings: params.Params) -> Iterator[StageRun]:
    """Track the body as one execution of a stage: what it reads and makes, what it costs, how it ends.

    Raises UserError before the body starts when the store is out of reach.
    """
    client = store.connect()
    _deliver(client)
    _close_killed(client)
    stage = results.declared(name)
    experiment = client.get_experiment_by_name(store.STAGES).experiment_id
    run_id = client.create_run(experiment, run_name=name, tags=code_tags() | _process_tags(name)).info.run_id
    log_params(client, run_id, params.flat(settings, stage.sections))
    inputs = [
        DatasetInput(Dataset(name=path, digest=md5.removesuffix(".dir"), source_type="dvc", source=path))
        for path, md5 in results.hashes().items()
        if path in stage.inputs and path.startswith("data/")
    ]
    if inputs:
        client.log_inputs(run_id, inputs)
    run = StageRun(name, settings, client, run_id)
    started = time.perf_counter()
    try:
        yield run
    except BaseException as error:
        run.fail(_costs(started), error)
        raise
    run.finish(_costs(started), stage.results)


def log_params(client: MlflowClient, run_id: str, settings: dict[str, Any]) -> None:
    """Log settings as params; a list as YAML writes it, a missing value as null."""
    as_text = {key: "null" if value is None else str(value) for key, value in settings.items()}
    client.log_batch(run_id, params=[Param(key, value) for key, value in as_text.items()])


def points(metrics: dict[str, float], step: int = 0) -> list[Metric]:
    """Return metrics as MLflow's points, taken now."""
    now = int(time.time() * 1000)
    return [Metric(name, value, now, step) for name, value in metrics.items()]


def log_files(client: MlflowClient, run_id: str, places: list[Path]) -> None:
    """Log files and folders as artifacts, under the same paths."""
    for place in places:
        if place.is_dir():
            client.log_artifacts(run_id, str(place), str(place))
        else:
            client.log_artifact(run_id, str(place), "" if place.parent == Path() else str(place.parent))


def close(client: MlflowClient, run_id: str, end: Ending) -> None:
    """End a run with its last tags."""
    for key, value in end.tags.items():
        client.set_tag(run_id, key, value)
    client.set_terminated(run_id, end.status, end.time)


def keep_for_later(run_id: str, unsent: list[Metric], end: Ending) -> None:
    """Write down what a store that went away did not take."""
    record = {"store": store.uri(), "metrics": [dict(point) for point in unsent], "end": asdict(end)}
    files.write_json(waiting() / f"{run_id}.json", record)


def waiting() -> Path:
    """Return the folder of what waits for its store to come back."""
    return store.root() / ".convscope"


def _deliver(client: MlflowClient) -> None:
    """Log what earlier stages could not, if it belongs to this store."""
    for path in waiting().glob("*.json"):
        record = files.read_json(path)
        if record["store"] == store.uri():
            kept = [
                Metric(**{name: point[name] for name in ("key", "value", "timestamp", "step")})
                for point in record["metrics"]
            ]
            with contextlib.suppress(*store.STORE_ERRORS):  # a run that is no longer there takes nothing
                client.log_batch(path.stem, metrics=kept)
                close(client, path.stem, Ending(**record["end"]))
            path.unlink()


def code_tags() -> dict[str, str]:
    """Return tags that say which code runs: the commit, whether tracked files differ from it, DVC's experiment.

    params.yaml and dvc.lock may differ: a run holds the one, and the other follows from the rest.
    """
    changed = store.git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!params.yaml", ":!dvc.lock")
    tags = {
        "git.commit": store.git("rev-parse", "HEAD"),
        "git.dirty": "true" if changed else "false",
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _process_tags(name: str) -> dict[str, str]:
    return {
        "stage": name,
        "host": platform.node(),
        # the start tells the process from a later one that gets the same number
        "process": f"{os.getpid()}@{psutil.Process().create_time()}",
        "mlflow.source.name": f"pipeline/{name}.py",
        "mlflow.source.type": "LOCAL",
    }


def _close_killed(client: MlflowClient) -> None:
    """Close the runs whose process on this machine is gone without having closed them."""
    experiment = client.get_experiment_by_name(store.STAGES)
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        tags = run.data.tags
        if tags.get("host") == platform.node() and not _alive(tags.get("process", "")):
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(process: str) -> bool:
    number, _, created = process.partition("@")
    try:
        return str(psutil.Process(int(number)).create_time()) == created
    except (psutil.NoSuchProcess, ValueError):
        return False


def _costs(started: float) -> dict[str, float]:
    """Return the seconds of work, without start-up, and the process's peak memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - started, "peak_memory_mb": peak / 1024}
