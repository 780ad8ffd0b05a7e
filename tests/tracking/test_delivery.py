from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from mlflow import MlflowClient

from pipeline.tracking import client as tracking_client
from pipeline.tracking import delivery, outbox, store


@pytest.mark.slow
def test_stages_that_read_the_same_new_files_at_the_same_moment_are_all_logged(new_server: str):
    at_once = 8
    together = Barrier(at_once)

    def deliver(number: int) -> dict[str, str]:
        client = MlflowClient(new_server)
        for turn in range(3):
            inputs = {f"data/{name}.npz": f"{turn:032x}" for name in range(20)}
            pending = outbox.PendingRun("report", store.remembered(), {}, inputs, {}, start_time=number)
            together.wait(60)
            delivery.deliver(client, pending)
            logged = client.get_run(pending.run_id).inputs.dataset_inputs
            assert {found.dataset.name: found.dataset.digest for found in logged} == inputs
        return inputs

    tracking_client.connect()
    with ThreadPoolExecutor(at_once) as threads:
        assert len(list(threads.map(deliver, range(at_once)))) == at_once
