"""Real runs in processes of their own, into which faults are put: what is finished counts, and resuming ends as if nothing was.

Each run has 10 shards of 20 small images. The workers are slowed down, so that a fault can be put in the middle of a shard.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.pipeline.content import Record, content
from tfdeid import DeidError
from tfdeid.data.load import load

FOLDER = pathlib.Path("lfw_subset_deid/structural_24_32/1.0.0")
OPTIONS = ("--input_size=24", "--output_size=32", "--num_shards=5")
SHARDS = 10
_PATCH = """
import os, sys, time
import tfdeid.deidentifier as module
call = module.Deidentifier.__call__
def slow(self, *arguments):
    time.sleep(float(os.environ.get("SLOW", 0)))
    return call(self, *arguments)
module.Deidentifier.__call__ = slow
"""


@contextlib.contextmanager
def launcher(key_path: pathlib.Path, folder: pathlib.Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Gives a function that starts `python -m beam.deid` in a process group of its own; all are ended with the block."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(_PATCH)
    started = []

    def start(*options: str, slow: float = 0.0, out: str = "out", limits: str = "") -> subprocess.Popen:
        environment = {**os.environ, "SLOW": str(slow), "PYTHONPATH": f"{folder / 'site'}:{os.getcwd()}"}
        command = [sys.executable, "-m", "beam.deid", "--runner=FnApiRunner", f"--key={key_path}"]
        command += [f"--output_dir={folder / out}", *OPTIONS, *options]
        if limits:
            command = ["bash", "-c", f'{limits}; exec "$@"', "bash", *command]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
        )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finished(process: subprocess.Popen) -> tuple[int, str]:
    said, _ = process.communicate(timeout=240)
    return process.returncode, said


def reports(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / FOLDER / "_shards").glob("*.json"))


def wait_for_shards(process: subprocess.Popen, folder: pathlib.Path, count: int) -> None:
    for _ in range(1200):
        if len([*reports(folder), *folder.glob("*.json")]) >= count:
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    pytest.fail("no shard was finished")


def worker_processes(launcher: subprocess.Popen) -> list[int]:
    """Returns the processes that Beam's local runner has started for its workers, without the shells around them."""
    children = subprocess.run(["pgrep", "-f", "sdk_worker_main"], capture_output=True, text=True).stdout.split()
    return [
        int(pid)
        for pid in children
        if os.getsid(int(pid)) == launcher.pid and pathlib.Path(f"/proc/{pid}/comm").read_text().strip() != "sh"
    ]


def check_not_readable(folder: pathlib.Path) -> None:
    with pytest.raises(DeidError, match="not complete|there is no dataset"):
        load(FOLDER.parts[0], data_dir=folder)


def check_resumed(start, folder: pathlib.Path, undisturbed: dict[str, list[Record]], *options: str) -> None:
    """Resumes; what was finished must not be done again, and the result must be that of a run without a fault."""
    kept = {path.name: path.stat().st_mtime_ns for path in reports(folder)}
    check_not_readable(folder)
    code, said = finished(start("--mode=resume", *options))
    assert code == 0, said
    assert "read 200 = written 200 + failed 0" in said
    if kept:
        assert f"resuming: {len(kept)} of {SHARDS} shards are there already" in said
    redone = [path.name for path in reports(folder) if path.stat().st_mtime_ns != kept.get(path.name)]
    assert len(redone) == SHARDS - len(kept)
    assert content(folder / FOLDER) == undisturbed
    assert not [path for path in folder.rglob("*incomplete*")]
