"""Trials as queued DVC experiments, two at a time, in the working directory: `python study_queue.py <settings>`.

DVC's workers leave the command that starts them, and end some seconds after the queue. They become this process's own,
so that their cost is counted with it; the seconds printed are those until the last experiment was there.
"""

import ctypes
import json
import os
import subprocess
import sys
import time

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)

ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)
started = time.perf_counter()
for trial in json.loads(sys.argv[1]):
    changes = [f"--set-param={name}={value}" for name, value in trial.items()]
    subprocess.run(["dvc", "exp", "run", "--queue", *changes], check=True)
queueing = time.perf_counter() - started
subprocess.run(["dvc", "exp", "run", "--run-all", "--jobs", "2"], check=True)  # as make queue does
seconds = time.perf_counter() - started
try:
    while True:
        os.wait()
except ChildProcessError:
    print(json.dumps({"seconds": seconds, "queueing": queueing}))
