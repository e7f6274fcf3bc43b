"""Workers and launchers that are killed, and two launchers at once."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from tests.pipeline.content import content
from tests.pipeline.launching import (
    FOLDER,
    OPTIONS,
    check_resumed,
    finished,
    reports,
    wait_for_shards,
    worker_processes,
)
from tfdeid.data.load import load

pytestmark = pytest.mark.slow


def test_a_worker_that_is_killed(start, tmp_path, undisturbed):
    out = tmp_path / "out"
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    process = start(*workers, slow=0.05)
    wait_for_shards(process, out, 2)
    os.kill(worker_processes(process)[0], signal.SIGKILL)
    code, said = finished(process)
    assert code == 2, said
    assert "a worker process ended in the middle of its work" in said and "--mode=resume goes on" in said
    assert "Traceback" not in said
    check_resumed(start, out, undisturbed)


def test_a_launcher_that_is_killed_and_a_clock_that_jumps(start, tmp_path, undisturbed):
    """What is finished is told by content, not by times: files from the future and the past count alike."""
    out = tmp_path / "out"
    process = start(slow=0.05)
    wait_for_shards(process, out, 3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for k, path in enumerate([*reports(out), *(out / FOLDER).glob("*.tfrecord-*")]):
        moment = time.time() + (86_400 * 365 if k % 2 else -86_400 * 365 * 30)
        os.utime(path, (moment, moment))
    code, said = finished(start())
    assert code == 2 and re.search(r"holds part of this dataset \(\d+ of 10 shards\). --mode=resume goes on", said)
    check_resumed(start, out, undisturbed)


def test_an_overwrite_whose_launcher_is_killed(start, deid, tmp_path, undisturbed):
    assert deid(*OPTIONS[:2], "--num_shards=2") == 0
    old = content(tmp_path / "out" / FOLDER)
    process = start("--mode=overwrite", slow=0.05)
    new = tmp_path / "out" / FOLDER.parent / ".1.0.0.new" / "_shards"
    wait_for_shards(process, new, 3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert content(tmp_path / "out" / FOLDER) == old
    assert len(load(FOLDER.parts[0], split="train", data_dir=tmp_path / "out")) == 160
    code, said = finished(start("--mode=resume"))
    assert code == 0 and re.search(r"resuming: \d of 10 shards are there already", said), said
    assert content(tmp_path / "out" / FOLDER) == undisturbed and not new.parent.exists()


def test_two_launches_at_once(start, tmp_path, undisturbed):
    first = start(slow=0.05)
    wait_for_shards(first, tmp_path / "out", 1)
    os.killpg(first.pid, signal.SIGSTOP)
    code, said = finished(start("--mode=resume"))
    os.killpg(first.pid, signal.SIGCONT)
    assert code == 2 and "another process is writing" in said
    code, said = finished(first)
    assert code == 0, said
    assert content(tmp_path / "out" / FOLDER) == undisturbed
