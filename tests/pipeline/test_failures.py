"""Images that cannot be read are counted and listed; the run goes on, and nothing is lost in silence."""

from __future__ import annotations

import io
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import tfdeid
from beam import shards
from beam.job import ShardTask
from tfdeid import DeidError, Key

PIXELS = np.random.RandomState(1).randint(0, 256, (30, 40, 4), np.uint8)
FOLDER = "scans_deid/structural_50_224/1.0.0"


def encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def rgb() -> Image.Image:
    return Image.fromarray(PIXELS[:, :, :3])


READABLE = {
    "rgba.png": encoded(Image.fromarray(PIXELS), "PNG"),
    "cmyk.jpg": encoded(rgb().convert("CMYK"), "JPEG"),
    "deep.png": encoded(Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 257), "PNG"),
    "palette.gif": encoded(rgb().quantize(16), "GIF"),
    "gray.png": encoded(Image.fromarray(PIXELS[:, :, 0]), "PNG"),
}
BROKEN = {
    "cut.jpg": encoded(rgb(), "JPEG")[:-200],
    "flipped.png": encoded(rgb(), "PNG")[:200] + b"\0" + encoded(rgb(), "PNG")[201:],
    "empty.png": b"",
    "text.png": b"this is no image",
    "huge.png": encoded(Image.new("1", (9000, 9000)), "PNG"),
}


@pytest.fixture
def mixed(class_folders):
    """Returns the folder of class a with readable and broken files of all kinds beside its three images."""
    for name, data in {**READABLE, **BROKEN}.items():
        (class_folders / "a" / name).write_bytes(data)
    return class_folders


def listed(home) -> list[dict]:
    (path,) = (home / "tfdeid" / "failures").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_failures_are_counted_listed_and_withhold_the_dataset(deid, mixed, tmp_path, home, capsys):
    assert deid(f"--dataset=folder:{mixed}") == 1
    said = capsys.readouterr().out
    assert "read 16 = written 11 + failed 5" in said
    assert "withheld" in said and "--max_failed_ratio" in said
    assert "most often, " in said and " times, in decode: an image must" in said
    assert not (tmp_path / "out" / FOLDER / "features.json").exists()
    assert {os.path.basename(entry["source_id"]) for entry in listed(home)} == set(BROKEN)
    assert all(entry["stage"] == "decode" and "an image must" in entry["error"] for entry in listed(home))
    with pytest.raises(DeidError, match="not complete"):
        tfdeid.load("scans_deid", data_dir=tmp_path / "out")


def test_failures_within_the_ratio_are_accepted(deid, mixed, tmp_path, home, key_path):
    assert deid(f"--dataset=folder:{mixed}") == 1
    options = (f"--dataset=folder:{mixed}", "--mode=resume", "--max_failed_ratio=0.4")
    assert deid(*options) == 0
    info = tfds.builder_from_directory(tmp_path / "out" / FOLDER).info
    assert (
        info.splits["train"].num_examples
        == len(list(tfdeid.load("scans_deid", split="train", data_dir=tmp_path / "out")))
        == 11
    )
    assert info.metadata["failed"] == 5
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert not [name for name in {**READABLE, **BROKEN} if name.encode() in everything]
    (report,) = (tmp_path / "out" / FOLDER / "_shards").iterdir()
    ids = {record_id for record_id, _ in json.loads(report.read_text())["failures"]}
    assert ids == {Key.load(key_path).hmac("scans", "train", entry["source_id"])[:16].hex() for entry in listed(home)}


@pytest.mark.parametrize("damage", ["cut", "a flipped byte"])
def test_a_damaged_source_is_one_clear_error(deid, shared_tfds, tmp_path, damage):
    shutil.copytree(shared_tfds / "cifar10", tmp_path / "data" / "cifar10", copy_function=shutil.copyfile)
    (file,) = (tmp_path / "data").rglob("*test*tfrecord*")
    data = bytearray(file.read_bytes())
    data[1_000_000] ^= 1
    file.write_bytes(data[:1_000_000] if damage == "cut" else data)
    options = ("--dataset=cifar10", f"--data_dir={tmp_path / 'data'}", "--splits=test", "--num_shards=8")
    with pytest.raises(DeidError, match=r"cifar10 can't be read .*examples \d+ to \d+.*--mode=resume goes on"):
        deid(*options)
    shutil.copyfile(next((shared_tfds / "cifar10").rglob("*test*tfrecord*")), file)
    assert deid(*options, "--mode=resume") == 0


def test_a_full_disk_leaves_nothing_half_written(deid, tmp_path, monkeypatch):
    def full(name, records, file_format):
        with open(name, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards, "_write_records", full)
    with pytest.raises(DeidError, match="can't be written: No space left on device"):
        deid("--limit=4")
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == [".1.0.0.lock"]


def test_a_source_that_changed_since_the_launch_is_noticed(deid, class_folders, tmp_path, monkeypatch):
    planned = shards.write_shard

    def one_more(job, task: ShardTask):
        worker = shards.get_worker(job)
        monkeypatch.setattr(worker.source, "read", lambda *_: iter(()))
        return planned(job, task)

    monkeypatch.setattr(shards, "write_shard", one_more)
    with pytest.raises(DeidError, match="changed since the launch, or is truncated"):
        deid(f"--dataset=folder:{class_folders}")


def test_a_worker_with_another_key_refuses(class_folders, tmp_path):
    from beam.job import Job
    from tfdeid.data.sources import SourceConfig
    from tfdeid.deidentifier import DeidConfig

    Key.generate().save(tmp_path / "k")
    source = SourceConfig(f"folder:{class_folders}")
    job = Job(source, DeidConfig(), str(tmp_path / "k"), "0" * 16, "", "x_deid", "tfrecord", 3, None, "x", "1")
    with pytest.raises(DeidError, match="leads to another key here"):
        shards.Worker(job)
