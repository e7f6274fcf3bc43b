"""What a launcher does and says of compiled kernels."""

from __future__ import annotations

import pytest

import beam.deid
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.schemes.structural import first_use


@pytest.mark.parametrize(
    ("compiled", "beam_argv", "expected"),
    [(False, [], [1.0]), (True, [], [5.0]), (True, ["--direct_running_mode=multi_processing"], [])],
)
def test_kernels_that_are_only_loaded_are_not_said_to_be_compiled(monkeypatch, compiled, beam_argv, expected):
    waits = []

    class Timer:
        def __init__(self, seconds, function, arguments):
            waits.append(seconds)

        def start(self):
            pass

        cancel = start

    monkeypatch.setattr(beam.deid.threading, "Timer", Timer)
    monkeypatch.setattr(first_use, "are_compiled", lambda: compiled)
    monkeypatch.setattr(first_use, "compile_kernels", lambda: None)
    beam.deid._compile_kernels(Deidentifier(DeidConfig(), Key.generate()), 3, beam_argv)
    assert waits == expected
