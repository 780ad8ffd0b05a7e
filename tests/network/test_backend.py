"""Which instructions TensorFlow computes with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.clones import PROJECT


def instructions(call: str) -> str:
    """What oneDNN says of its instruction set in a fresh process, after a call of the backend."""
    code = f"from pipeline.network import backend; {call}; backend.tf.linalg.matmul([[1.0]], [[1.0]])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=os.environ | {"ONEDNN_VERBOSE": "1"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if ",cpu,isa:" in line]
    return line.split("isa:")[1]


def test_networks_compute_with_avx2_and_only_the_native_setting_lets_them_use_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "ALL")
    assert instructions("pass") == "Intel AVX2"
    has_more = " avx512f " in Path("/proc/cpuinfo").read_text()
    assert ("AVX-512" in instructions("backend.use_native_instructions()")) == has_more
