"""Threads and processes that start or work at once give what one alone gives."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.conftest import ROOT
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.ssim import ssim

THREADS = 8
CONFIGS = [
    DeidConfig(output_size=64),
    DeidConfig(output_size=64, key_scope="pool:3", axes="independent"),
    DeidConfig(input_size=24, output_size=64, key_scope="image"),
    DeidConfig(input_size=32, output_size=64, colors="keyed", bend=True),
    DeidConfig("negative_positive", output_size=64),
    DeidConfig("block_shuffle", input_size=48, output_size=64),
    DeidConfig("negative_positive", output_size=64, key_scope="image"),
    DeidConfig("block_shuffle", input_size=48, output_size=64, key_scope="image"),
]
IMAGES = [np.random.RandomState(k).randint(0, 256, (20 + k, 30, 3), np.uint8) for k in range(24)]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_deidentifier_used_by_many_threads_gives_what_one_thread_gets(config):
    key = Key.generate()
    alone = Deidentifier(config, key)
    expected = [alone(image, str(k)) for k, image in enumerate(IMAGES)]
    shared, start = Deidentifier(config, key), threading.Barrier(THREADS)

    def work(thread: int) -> list[np.ndarray]:
        start.wait()  # All meet what is made at the first call.
        order = np.random.RandomState(thread).permutation(len(IMAGES))
        found = {k: shared(IMAGES[k], str(k)) for k in order.tolist()}
        return [found[k] for k in range(len(IMAGES))]

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(work, range(THREADS)):
            assert all(map(np.array_equal, found, expected))


def test_a_table_that_grows_under_many_threads_stays_right():
    from tfdeid.schemes.structural import PositionOPE

    key = Key.generate()
    values = np.random.RandomState(0).permutation(np.arange(-900, 900) / 10)
    expected, shared = PositionOPE(key).encrypt(values), PositionOPE(key)
    parts = np.array_split(np.arange(len(values)), 60)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for part, found in zip(parts, pool.map(lambda part: shared.encrypt(values[part]), parts), strict=True):
            np.testing.assert_array_equal(found, expected[part])


_WORKERS = """
import concurrent.futures, os, sys, threading
from beam import shards
from beam.job import Job
from tfdeid.data.sources import SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.key import Key

key = Key.load(sys.argv[1])
labels, config = ("face", "nonface"), DeidConfig(output_size=64)
job = Job(SourceConfig(), config, sys.argv[1], key.fingerprint, "", "x_deid", "tfrecord", 1, labels, "lfw_subset", "1")
made, real = [], shards.Worker.__init__
def counted(self, job):
    made.append(job)
    real(self, job)
shards.Worker.__init__ = counted
before, start = os.fstat(2), threading.Barrier(8)
def work(_):
    start.wait()
    return shards.get_worker(job)
assert "tensorflow" not in sys.modules
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    workers = list(pool.map(work, range(8)))
assert os.path.samestat(before, os.fstat(2)), "standard error points elsewhere"
os.write(2, b"still heard")
print(len(made), len(set(map(id, workers))))
"""


def test_threads_that_start_at_once_make_one_worker_and_leave_standard_error_alone(tmp_path):
    Key.generate().save(tmp_path / "key")
    with open(tmp_path / "stderr", "wb") as stderr:
        command = [sys.executable, "-c", _WORKERS, str(tmp_path / "key")]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr)
    said = (tmp_path / "stderr").read_bytes()
    assert done.returncode == 0, said
    assert done.stdout.split() == [b"1", b"1"]
    assert said.endswith(b"still heard")


# One kernel, the quickest to compile.
_SSIM = """
import sys
import numpy as np
from tfdeid.ssim import ssim

one, other = np.random.RandomState(0).randint(0, 256, (2, 24, 24, 3), np.uint8)
print("ready", flush=True)
sys.stdin.readline()
print(repr(ssim(one, other)))
"""


def start(cache: pathlib.Path) -> subprocess.Popen:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", _SSIM]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_processes_that_compile_into_one_empty_cache_at_once_give_the_right_result(tmp_path):
    one, other = np.random.RandomState(0).randint(0, 256, (2, 24, 24, 3), np.uint8)
    right = repr(ssim(one, other))
    processes = [start(tmp_path / "cache") for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
    for process in processes:  # Both compile from here on.
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        said, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        assert said.strip().decode() == right
    assert list((tmp_path / "cache").rglob("*.nbc"))
    # What they left is whole: a third process finds it, and gives the same.
    said, errors = start(tmp_path / "cache").communicate(b"\n", timeout=900)
    assert said.split() == [b"ready", right.encode()], errors
