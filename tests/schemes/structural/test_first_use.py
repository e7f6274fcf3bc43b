"""Compiling on two cores: the kernels that are compiled beforehand are those that are used, and nothing depends on it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tfdeid.schemes.structural import first_use

PROGRAM = """
import numpy as np
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.schemes.structural import first_use
from tfdeid.schemes.structural.paint_fast import _paint
from tfdeid.schemes.structural.quantize import _cluster
from tfdeid.schemes.structural.vectorize import _trace
first_use.compile_kernels()
Deidentifier(DeidConfig(input_size=16, output_size=32), Key.generate())(np.zeros((9, 9, 3), np.uint8))
kernels = (_paint, _trace, _cluster)
print(*(sum(kernel.stats.cache_hits.values()) for kernel in kernels), *(len(kernel.overloads) for kernel in kernels))
"""


@pytest.mark.slow
def test_the_painter_is_compiled_in_another_process_and_all_is_found_later(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for expected in ([1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]):
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert [int(word) for word in done.stdout.split()] == expected


@pytest.mark.parametrize(("executable", "wait"), [("", 60), ("/nonexistent", 60), (sys.executable, 0)])
def test_a_process_that_cannot_be_or_takes_too_long_is_no_failure(monkeypatch, executable, wait):
    monkeypatch.setattr(first_use, "are_compiled", lambda: False)
    monkeypatch.setattr(first_use, "_LONGEST_WAIT", wait)
    monkeypatch.setattr(sys, "executable", executable)
    first_use.compile_kernels()
