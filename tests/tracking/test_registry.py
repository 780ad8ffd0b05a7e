"""One version a content, whoever registers it, and aliases that find it."""

from concurrent.futures import ThreadPoolExecutor

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from support import registered

from pipeline.data import prepared
from pipeline.tracking import mlflow_model, registry, single


def versions(client: MlflowClient) -> dict[int, str]:
    """The run of each version."""
    return {int(one.version): one.run_id for one in client.search_model_versions(f"name = '{registry.NAME}'")}


def test_a_content_is_registered_once_and_the_newest_is_the_latest(client: MlflowClient) -> None:
    assert registry.aliased(client, registry.LATEST) is None
    assert registry.aliased(client, registry.CHAMPION) is None
    first = registered.publish(client, 0.5)
    version = registry.register(client, first)
    assert version.description == "**0.5** right"
    assert registry.register(client, first).version == version.version
    second = registered.publish(client, 0.9)
    newest = registry.register(client, second)
    assert versions(client) == {1: first.info.run_id, 2: second.info.run_id}
    assert registry.aliased(client, registry.LATEST).version == newest.version
    answers = mlflow.pyfunc.load_model(f"models:/{registry.NAME}/latest").predict(prepared.load("test").images)
    labels = [registered.CLASSES[label] for label in prepared.load("test").labels]
    assert np.mean(answers["label"] == labels) == pytest.approx(0.9, abs=0.1)


def test_what_two_have_registered_is_one_again_after_the_next_look_with_every_alias(client: MlflowClient) -> None:
    run = registered.publish(client, 0.5)
    for _ in range(2):
        registry._add(client, run, mlflow_model.find(client, run))
    client.set_registered_model_alias(registry.NAME, registry.CHAMPION, 2)
    assert int(registry.register(client, run).version) == 1
    assert versions(client) == {1: run.info.run_id}
    assert int(registry.aliased(client, registry.CHAMPION).version) == 1


def test_threads_that_register_the_same_content_leave_one_version(client: MlflowClient) -> None:
    run = registered.publish(client, 0.5)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: registry.register(client, run), range(4)))
    assert versions(client) == {int(found[-1].version): run.info.run_id}
    assert len({version.version for version in found}) == 1


def test_a_content_published_anew_takes_the_version_and_the_aliases_of_its_lost_run(client: MlflowClient) -> None:
    lost = registered.publish(client, 0.5)
    registry.register(client, lost)
    client.set_registered_model_alias(registry.NAME, registry.CHAMPION, 1)
    client.delete_run(lost.info.run_id)
    anew = registered.publish(client, 0.5)
    assert registry.register(client, anew).run_id == anew.info.run_id
    assert list(versions(client).values()) == [anew.info.run_id]
    assert registry.aliased(client, registry.CHAMPION).run_id == anew.info.run_id


@pytest.mark.parametrize("moment", ["before", "while its model is looked for"])
def test_a_run_that_another_publisher_withdrew_is_registered_as_the_one_that_stays(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    first, second = registered.publish(client, 0.5), registered.publish(client, 0.5)
    if moment == "before":
        single.keep_first(client, second.info.experiment_id, second.data.tags["content"])
    else:
        looks = iter([second, first, first, first, first])
        single.withdraw(client, second)
        monkeypatch.setattr(single, "keep_first", lambda *_: next(looks))
    assert registry.register(client, second).run_id == first.info.run_id
    assert versions(client) == {1: first.info.run_id}


@pytest.mark.parametrize(
    "refusal",
    [
        RestException({"error_code": "ENDPOINT_NOT_FOUND", "message": "no such page"}),
        MlflowException("API request failed with error code 404 != 200", error_code=10_000),
        registry.UnsupportedModelRegistryStoreURIException("ftp://x", ["sqlite"]),
    ],
)
def test_a_store_without_a_registry_says_so_in_one_line(
    refusal: MlflowException, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = registered.publish(client, 0.5)
    if refusal.error_code == "INTERNAL_ERROR":
        refusal.error_code = "ENDPOINT_NOT_FOUND"

    def refuse(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr(MlflowClient, "search_model_versions", refuse)
    with pytest.raises(registry.NoRegistryError) as said:
        registry.register(client, run)
    assert len(str(said.value).splitlines()) == 1


def test_a_store_that_fails_is_not_taken_for_one_without_a_registry(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = registered.publish(client, 0.5)

    def fail(*_: object, **__: object) -> None:
        raise MlflowException("the disk is full")

    monkeypatch.setattr(MlflowClient, "create_model_version", fail)
    with pytest.raises(MlflowException, match="the disk is full"):
        registry.register(client, run)
