"""Faults injected into real runs in processes of their own: what is finished counts, and resuming ends as if nothing had been.

Each run has 10 shards of 20 small images. The workers are slowed down, so that a fault can be put in the middle of a shard.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

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


@pytest.fixture
def start(key_path, tmp_path):
    """Returns a function that starts `python -m beam.deid` in a process group of its own; all are ended with the test."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_PATCH)
    started = []

    def start(*options: str, slow: float = 0.0, out: str = "out", limits: str = "") -> subprocess.Popen:
        environment = {**os.environ, "SLOW": str(slow), "PYTHONPATH": f"{tmp_path / 'site'}:{os.getcwd()}"}
        command = [sys.executable, "-m", "beam.deid", "--runner=FnApiRunner", f"--key={key_path}"]
        command += [f"--output_dir={tmp_path / out}", *OPTIONS, *options]
        if limits:
            command = ["bash", "-c", f'{limits}; exec "$@"', "bash", *command]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
        )
        started.append(process)
        return process

    yield start
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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, key_path) -> dict[str, list[Record]]:
    from beam.deid import run

    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(["--runner=FnApiRunner", f"--key={key_path}", f"--output_dir={folder}", *OPTIONS]) == 0
    return content(folder / FOLDER)


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


def test_a_disk_that_is_full(start, tmp_path, undisturbed):
    # No file may grow beyond 20 KB: a write fails as on a full disk, in the middle of the shard's file.
    code, said = finished(start(limits="trap '' XFSZ; ulimit -f 20"))
    assert code == 2, said
    assert re.search(r"can't be written: .*Nothing half-written is left", said) and "--mode=resume goes on" in said
    assert not [path for path in (tmp_path / "out").rglob("*incomplete*")]
    check_resumed(start, tmp_path / "out", undisturbed)


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


def test_an_output_folder_that_goes_away_half_way(start, tmp_path, undisturbed):
    out = tmp_path / "out"
    process = start(slow=0.05)
    wait_for_shards(process, out, 2)
    # Nothing can be created in a folder that is no folder; root may write whatever its mode.
    moved = out / FOLDER.parent / "moved"
    (out / FOLDER).rename(moved)
    (out / FOLDER).write_text("")
    code, said = finished(process)
    assert code == 2, said
    assert "can't be written" in said and "--mode=resume goes on" in said
    (out / FOLDER).unlink()
    moved.rename(out / FOLDER)
    for path in (out / FOLDER).glob("*incomplete*"):
        assert not (out / FOLDER / "features.json").exists(), path
    check_resumed(start, out, undisturbed)


def test_reports_that_are_lost_or_damaged(start, tmp_path, undisturbed):
    assert finished(start())[0] == 0
    out = tmp_path / "out"
    (out / FOLDER / "features.json").unlink()
    one, other = reports(out)[:2]
    one.write_text("")
    other.write_text(json.dumps({"file_name": "x"}))
    assert finished(start("--mode=resume"))[0] == 0
    assert content(out / FOLDER) == undisturbed
    # All reports lost, with nothing but shards left: they are made again, not taken for foreign files.
    for path in reports(out):
        path.unlink()
    (out / FOLDER / "_shards").rmdir()
    code, said = finished(start("--mode=resume"))
    assert code == 0, said
    assert content(out / FOLDER) == undisturbed


def test_a_thousandth_of_the_images_corrupt(deid, tmp_path, key_path):
    import numpy as np

    from tfdeid.image import encode_png

    folder = tmp_path / "scans" / "a"
    folder.mkdir(parents=True)
    random = np.random.RandomState(0)
    for k in range(1000):
        data = encode_png(random.randint(0, 256, (8, 8, 3), np.uint8))
        (folder / f"{k:04d}.png").write_bytes(data[: len(data) // 2] if k == 123 else data)
    options = (f"--dataset=folder:{tmp_path / 'scans'}", "--input_size=8", "--output_size=8")
    assert deid(*options) == 1
    assert deid(*options, "--mode=resume", "--max_failed_ratio=0.001") == 0
    facts = json.loads((tmp_path / "out/scans_deid/structural_8_8/1.0.0/metadata.json").read_text())
    assert (facts["read"], facts["written"], facts["failed"]) == (1000, 999, 1)
