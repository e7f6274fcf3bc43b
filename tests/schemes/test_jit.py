from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CALLER = "from tfdeid.schemes.jit import jit\nfrom tfdeid.schemes.callee import g\n\n@jit\ndef f(x):\n    return g(x) + 1\n"
CALLEE = "from tfdeid.schemes.jit import jit\n\n@jit\ndef g(x):\n    return {} * x\n"
PROGRAM = "from tfdeid.schemes.caller import f; print(f(5), sum(f.stats.cache_hits.values()))"


@pytest.fixture
def run(tmp_path):
    """Returns a function that calls, in a process of its own, a kernel of a copy of the package, given its callee's factor."""
    shutil.copytree(ROOT / "tfdeid", tmp_path / "tfdeid", ignore=shutil.ignore_patterns("__pycache__"))
    schemes = tmp_path / "tfdeid" / "schemes"
    (schemes / "caller.py").write_text(CALLER)

    def call(factor: int, **environment: str) -> tuple[list[int], str]:
        (schemes / "callee.py").write_text(CALLEE.format(factor))
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path), **environment}
        environment.pop("NUMBA_CACHE_DIR", None)
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()], done.stderr

    return call


def test_a_second_process_finds_compiled_kernels_and_a_changed_callee_is_compiled_anew(run):
    assert run(2)[0] == [11, 0]
    assert run(2)[0] == [11, 1]
    assert run(3)[0] == [16, 0]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_where_no_cache_can_be_the_temporary_folder_has_it(run, tmp_path):
    (tmp_path / "file").write_text("")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert run(2, XDG_CACHE_HOME=str(tmp_path / "file"), TMPDIR=str(temporary))[0] == [11, 0]
    assert [path.name for path in temporary.iterdir()] == [f"tfdeid-{os.getuid()}"]
