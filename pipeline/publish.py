"""publish: one complete MLflow run for the experiment as it stands, whichever stages DVC took from its cache."""

import sys
from pathlib import Path

from pipeline.config import paths
from pipeline.data import files
from pipeline.network import served
from pipeline.tracking import client, delivery, experiment, publication, registry, single, view
from pipeline.tracking import store as tracking_store
from pipeline.tracking.stage import stage


def main() -> None:
    """Write the run, unless this very content has one already, register its model, and note its content."""
    with stage("publish") as run:
        content = experiment.read(run.params)
        with client.store_errors():
            store = client.connect()
            if stopped := delivery.flush(
                store
            ):  # the runs of the stages before, so that the complete one can name them
                raise stopped
            published, done = publication.publish(store, content, Path(served.__file__))
            view.save(store, published.info.experiment_id)  # the settings that differ now
            place = f"runs:/{published.info.run_id}/model"
            try:
                place = f"models:/{registry.NAME}/{registry.register(store, published).version}"
            except registry.NoRegistryError as error:
                print(f"publish: the model is in no registry: {error}", file=sys.stderr)
        files.write_json(paths.PUBLISHED, {"content": content.key})
        print("publish: in a notebook of any folder, after `import mlflow`:")
        print(f"  mlflow.set_tracking_uri({tracking_store.name()!r})")
        print(f"  model = mlflow.pyfunc.load_model({place!r})")
        print(f"publish: run {published.info.run_id} {single.DONE[done]}")


if __name__ == "__main__":
    main()
