"""The kind of this machine's CPU."""

import re
from pathlib import Path

import pandas as pd

from support.clones import PROJECT


def described() -> tuple[str, bool]:
    """Name the CPU, and tell whether tests/machines.csv lists its kind: the committed bytes were made on such a one."""
    found = dict(
        re.findall(r"^(vendor_id|cpu family|model|model name)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    )
    kind = {"vendor": found["vendor_id"], "family": found["cpu family"], "model": found["model"]}
    listed = pd.read_csv(PROJECT / "tests/machines.csv", dtype=str)[list(kind)].to_dict("records")
    return "{vendor} family {family} model {model}, ".format(**kind) + found["model name"], kind in listed
