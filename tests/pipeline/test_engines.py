"""The same command on a distributed engine: Dask, with a scheduler and two workers in processes of their own."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.pipeline.content import content
from tests.pipeline.test_without_tensorflow import ABSENT

pytest.importorskip("distributed")

_RUNNER = "apache_beam.runners.dask.dask_runner.DaskRunner"
# Tells which process writes which shard, by the temporary file that each begins with.
_PRELOAD = """
import os, sys
def note(event, arguments):
    name = str(arguments[0]) if event == "open" else ""
    if "tfrecord-" in name and ".incomplete-" in name and ".json" not in name:
        with open(os.environ["SHARD_LOG"], "a") as log:
            log.write(f"{os.getpid()} {arguments[0]}\\n")
sys.addaudithook(note)
"""
FOLDER = pathlib.Path("lfw_subset_deid/structural_24_32/1.0.0")
OPTIONS = ("--input_size=24", "--output_size=32", "--num_shards=6")


@pytest.fixture
def cluster(tmp_path):
    """Starts a scheduler and two workers; returns the scheduler's address, the workers, and the log of who wrote a shard."""
    (tmp_path / "preload.py").write_text(_PRELOAD)
    shard_log = tmp_path / "shards.log"
    # No worker has TensorFlow.
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ABSENT)
    environment = {**os.environ, "SHARD_LOG": str(shard_log), "ABSENT": "tensorflow"}
    environment["PYTHONPATH"] = f"{tmp_path / 'site'}:{os.getcwd()}"
    processes: list[subprocess.Popen] = []

    def dask(*arguments: str, log: str) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler" if log == "scheduler" else "distributed.cli.dask_worker",
        ]
        with open(tmp_path / f"{log}.log", "w") as file:
            process = subprocess.Popen([*command, *arguments], stdout=file, stderr=file, env=environment, cwd=tmp_path)
        processes.append(process)
        return process

    dask("--host", "127.0.0.1", "--port", "0", "--no-dashboard", log="scheduler")
    address = wait_for(tmp_path / "scheduler.log", r"Scheduler at:\s+(tcp://[\d.:]+)")
    options = ["--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--preload", "preload.py"]
    workers = [dask(address, *options, "--name", name, "--local-directory", str(tmp_path / name), log=name) for name in "ab"]
    for name in "ab":
        wait_for(tmp_path / f"{name}.log", r"(Registered to)")
    yield address, workers, shard_log
    for process in reversed(processes):  # The workers first: without a scheduler they may not end.
        process.kill()
        process.wait()


def wait_for(log: pathlib.Path, pattern: str) -> str:
    for _ in range(600):
        if found := re.search(pattern, log.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def launch(address: str, key_path: pathlib.Path, folder: pathlib.Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "beam.deid", f"--runner={_RUNNER}", f"--dask_client_address={address}"]
    command += ["--dask_npartitions=12", f"--key={key_path}", "--key_on_workers", f"--output_dir={folder}", *OPTIONS]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def local(tmp_path, key_path) -> dict[str, bytes]:
    """Returns the shards that Beam's local runner writes."""
    from beam.deid import run

    assert run(["--runner=FnApiRunner", f"--key={key_path}", f"--output_dir={tmp_path / 'local'}", *OPTIONS]) == 0
    return content(tmp_path / "local" / FOLDER)


@pytest.mark.slow
def test_two_workers_write_what_one_process_writes(cluster, tmp_path, key_path, local):
    address, workers, shard_log = cluster
    said, _ = (process := launch(address, key_path, tmp_path / "out")).communicate(timeout=240)
    assert process.returncode == 0, said
    assert "read 200 = written 200 + failed 0" in said
    assert content(tmp_path / "out" / FOLDER) == local
    written = {tuple(line.split()) for line in shard_log.read_text().splitlines()}  # Dask loads the hook more than once.
    assert {int(pid) for pid, _ in written} == {worker.pid for worker in workers} and len(written) == 12


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_shard_and_no_more(cluster, tmp_path, key_path, local):
    address, workers, shard_log = cluster
    process = launch(address, key_path, tmp_path / "out")
    while not shard_log.exists() or str(workers[0].pid) not in shard_log.read_text():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert content(tmp_path / "out" / FOLDER) == local
    with contextlib.suppress(FileNotFoundError):
        assert not list((tmp_path / "out" / FOLDER).glob("*incomplete*"))
