"""The registered model: a version for every complete run, of which the newest is `latest`, and one chosen `champion`.

MLflow itself gives `latest`, and allows nobody else to set it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

from pipeline.config.errors import UserError
from pipeline.tracking import mlflow_model, single, store

NAME = "convscope"
LATEST, CHAMPION = "latest", "champion"
PAGE = 1000  # versions of one content, or of one run, that are looked at
# what a server says that has no registry
ABSENT = ("ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED", "FEATURE_DISABLED", "PERMISSION_DENIED")

logging.getLogger("mlflow.store.model_registry").setLevel(logging.WARNING)  # that it waits for a version is no news


class NoRegistryError(UserError):
    """The store keeps no registered models, or none for us."""


def register(client: MlflowClient, run: Run) -> ModelVersion:
    """Return the one version of a complete run's content; it is made where there is none.

    Others may publish and register the same content at the same time: the run that stays is registered, whichever
    was asked for. Whoever registers looks afterwards, keeps the first version of that run, and removes the others,
    whose aliases move to it.
    """
    with needed():
        content, home = run.data.tags["content"], run.info.experiment_id
        standing = single.keep_first(client, home, content) or run
        if not [version for version in _versions(client, content) if version.run_id == standing.info.run_id]:
            model = mlflow_model.find(client, client.get_run(standing.info.run_id))
            if model is None:
                later = single.keep_first(client, home, content)
                if later and later.info.run_id != standing.info.run_id:  # which has withdrawn the other since
                    return register(client, later)
                raise NoRegistryError(f"run {standing.info.run_id} has no model of its own")
            _add(client, standing, model)
        standing = single.keep_first(client, home, content) or standing
        kept, *others = sorted(
            _versions(client, content),
            key=lambda version: (version.run_id != standing.info.run_id, int(version.version)),
        )
        aliases = client.get_registered_model(NAME).aliases if others else {}
        for other in others:
            for alias in [alias for alias, version in aliases.items() if int(version) == int(other.version)]:
                client.set_registered_model_alias(NAME, alias, kept.version)
            with single.others_may_be_faster():
                client.delete_model_version(NAME, other.version)
        return kept


def aliased(client: MlflowClient, alias: str) -> ModelVersion | None:
    """Return the version with an alias; None where there is none."""
    with needed():
        try:
            if alias == LATEST:
                return client.get_model_version_by_alias(NAME, LATEST)
            number = client.get_registered_model(NAME).aliases.get(alias)
            return client.get_model_version(NAME, number) if number else None
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise


@contextmanager
def needed() -> Iterator[None]:
    """Raise NoRegistryError where the store turns out to have no registry."""
    try:
        yield
    except MlflowException as error:
        if isinstance(error, UnsupportedModelRegistryStoreURIException) or error.error_code in ABSENT:
            raise NoRegistryError(store.first_line(error)) from None
        raise


def _versions(client: MlflowClient, content: str) -> list[ModelVersion]:
    condition = f"name = '{NAME}' and tags.content = '{content}'"
    return list(client.search_model_versions(condition, max_results=PAGE))


def _add(client: MlflowClient, run: Run, model: LoggedModel) -> None:
    """Make the next version of the registered model."""
    with suppress(MlflowException):  # it is there already; else the version will not be made
        client.create_registered_model(NAME, description="Raw pixels in, names of classes with probabilities out")
    client.create_model_version(
        NAME,
        f"models:/{model.model_id}",
        run.info.run_id,
        tags={"content": run.data.tags["content"]},
        description=run.data.tags.get("mlflow.note.content"),
        model_id=model.model_id,
    )
