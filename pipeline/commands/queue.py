"""Run what `dvc exp run --queue` put off, and tell what became of each."""

import argparse
import contextlib
import subprocess

import psutil
from dvc.repo import Repo

from pipeline.config import params, repository
from pipeline.config.errors import UserError

PATIENCE = 30  # seconds that a worker has to end once its runs are over


def tasks(*states: str) -> dict[str, str]:
    """Return the runs in DVC's queue that are in one of these states: their names by their revisions."""
    queue = Repo(str(repository.root())).experiments.celery_queue
    return {task["rev"]: task["name"] or task["rev"][:7] for task in queue.status() if task["status"] in states}


def changes(rev: str) -> str:
    """Return the settings in which a run in the queue differs from the commit that it starts from."""
    theirs, ours = (
        params.leaves_of(params.read_tree(repository.git("show", f"{of}:./params.yaml"), f"{of}:params.yaml"))
        for of in (rev, f"{rev}^")
    )
    return ", ".join(f"{key}={value}" for key, value in theirs.items() if ours.get(key) != value) or "as committed"


def workers() -> list[psutil.Process]:
    """Return the processes that DVC has started for this project's queue."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "queue-worker" in process.cmdline() and process.cwd() == str(repository.root()):
                found.append(process)
    return found


def end_workers(*, kill: bool) -> None:
    """End the workers, with `kill` together with what they run: of themselves they would wait for more, ten seconds."""
    running = workers()
    if not running:
        return
    of_theirs = [child for worker in running for child in worker.children(recursive=True)]
    subprocess.run(["dvc", "queue", "stop", *(["--kill"] if kill else [])], capture_output=True)
    for process in of_theirs if kill else []:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(running, timeout=PATIENCE)
    for process in left:
        process.kill()


def drop_cut_off() -> None:
    """Let runs whose worker was killed count as failed: DVC would wait for them for ever.

    `dvc queue kill` does the same, but not where the killed process is still in the system's table.
    """
    queue = Repo(str(repository.root())).experiments.celery_queue
    cut_off = {entry: entry.name or entry.stash_rev[:7] for entry in queue.iter_active()}
    if cut_off:
        queue._mark_inactive_tasks_failure(cut_off)
        print(f"queue: was cut off, and counts as failed: {', '.join(cut_off.values())}")


def run(jobs: int) -> bool:
    """Run what waits, so many at a time, and tell what became of each; return whether all of it succeeded.

    Raises UserError in a shallow clone.
    """
    if repository.git("rev-parse", "--is-shallow-repository") == "true":
        raise UserError("queue: this clone is shallow, and DVC loses queued experiments in one: git fetch --unshallow")
    if not workers():
        drop_cut_off()
    waiting = tasks("Running", "Queued")
    if not waiting:
        print("queue: nothing waits; `dvc exp run --queue -S train.seed=1,2,3` puts three runs off")
        return True
    for rev, name in waiting.items():
        print(f"queue: {name}: {changes(rev)}", flush=True)
    try:
        subprocess.run(["dvc", "exp", "run", "--run-all", "--jobs", str(jobs)], check=True)
    except KeyboardInterrupt:
        end_workers(kill=True)
        left, finished = tasks("Queued"), tasks("Success")
        cut_off = [name for rev, name in waiting.items() if rev not in left | finished]
        print(
            f"queue: stopped; cut off: {', '.join(cut_off) or 'none'}; "
            f"still waiting: {', '.join(left.values()) or 'none'}",
            flush=True,
        )
        raise
    end_workers(kill=False)
    finished = tasks("Success")
    failed = [name for rev, name in waiting.items() if rev not in finished]
    for name in failed:
        print(f"queue: {name} failed; `dvc queue logs {name}` says why")
    print(f"queue: {len(waiting) - len(failed)} of {len(waiting)} finished; `make experiments` lists what came of them")
    return not failed


def main() -> None:
    """Run the queue; exit with 1 where a run failed, and with 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.queue", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: %(default)s)")
    jobs = parser.parse_args().jobs
    if jobs < 1:
        parser.error(f"--jobs: found {jobs}; allowed are whole numbers from 1 up")
    try:
        succeeded = run(jobs)
    except UserError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(not succeeded)


if __name__ == "__main__":
    main()
