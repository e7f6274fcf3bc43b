"""Disks that are full, folders that go away, and files that are lost or damaged."""

from __future__ import annotations

import json
import re

import pytest

from tests.pipeline.content import content
from tests.pipeline.launching import FOLDER, check_resumed, finished, reports, wait_for_shards

pytestmark = pytest.mark.slow


def test_a_disk_that_is_full(start, tmp_path, undisturbed):
    # No file may grow beyond 20 KB: a write fails as on a full disk, in the middle of the shard's file.
    code, said = finished(start(limits="trap '' XFSZ; ulimit -f 20"))
    assert code == 2, said
    assert re.search(r"can't be written: .*Nothing half-written is left", said) and "--mode=resume goes on" in said
    assert not [path for path in (tmp_path / "out").rglob("*incomplete*")]
    check_resumed(start, tmp_path / "out", undisturbed)


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
