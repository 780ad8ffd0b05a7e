"""publish: one complete MLflow run for the experiment as it stands, whichever stages DVC took from its cache."""

from pipeline.config import paths
from pipeline.data import files
from pipeline.tracking import client, experiment, publication, single
from pipeline.tracking.stage import stage


def main() -> None:
    """Write the run, unless this very content has one already, and note its content."""
    with stage("publish") as run:
        content = experiment.read(run.params)
        with client.store_errors():
            store = client.connect()
            if stopped := client.flush(store):  # the runs of the stages before, so that the complete one can name them
                raise stopped
            run_id, done = publication.publish(store, content)
        files.write_json(paths.PUBLISHED, {"content": content.key})
        print(f"publish: run {run_id} {single.DONE[done]}")


if __name__ == "__main__":
    main()
