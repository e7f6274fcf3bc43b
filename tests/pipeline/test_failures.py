"""Images that cannot be read are counted and listed; the run goes on, and nothing is lost in silence."""

from __future__ import annotations

import io
import json
import os
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import tfdeid
from beam import shards
from beam.deid import run
from beam.job import ShardTask
from tfdeid import DeidError, Key
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidWarning

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
    source = open_source(SourceConfig(f"folder:{mixed}"))
    record_id = source.record_ids(Key.load(key_path), 2)
    names = {record_id("train", one): one.source_id for one in source.read("train", 0, 16)}
    assert {names[one] for one in ids} == {entry["source_id"] for entry in listed(home)}
    assert ids == {entry["id"] for entry in listed(home)}


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


def lists(said: str) -> list[pathlib.Path]:
    return [pathlib.Path(path) for path in re.findall(r"images that failed: (.+) \(yours alone", said)]


def test_each_output_has_its_own_list_and_log(key_path, tmp_path, home, capsys):
    for site in "AB":
        folder = tmp_path / site / "images" / "a"
        folder.mkdir(parents=True)
        (folder / "good.png").write_bytes(READABLE["gray.png"])
        (folder / f"bad{site}.png").write_bytes(b"x")
        options = [f"--key={key_path}", f"--dataset=folder:{folder.parent}", f"--output_dir={tmp_path / site / 'out'}"]
        assert run(["--runner=FnApiRunner", *options, "--output_size=32"]) == 1
    one, other = lists(capsys.readouterr().out)
    assert ("badA" in one.read_text(), "badB" in other.read_text()) == (True, True)
    assert len(list((home / "tfdeid" / "logs").iterdir())) == 2


def test_a_list_that_is_missing_is_written_again(deid, class_folders, home, capsys):
    (class_folders / "a" / "bad.png").write_bytes(b"x")
    options = (f"--dataset=folder:{class_folders}", "--output_size=32", "--max_failed_ratio=0.5")
    assert deid(*options) == 0
    (path,) = lists(capsys.readouterr().out)
    expected = path.read_text()
    path.unlink()
    for _ in range(2):
        assert deid(*options) == 0
        said = capsys.readouterr().out
        assert "already complete" in said and lists(said) == [path] and path.read_text() == expected
    (class_folders / "a" / "bad.png").unlink()
    assert deid(*options, "--mode=overwrite") == 0
    assert "images that failed" not in capsys.readouterr().out and not path.exists(), "it is of another run"


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_without_a_home_the_run_goes_on(deid, class_folders, tmp_path, monkeypatch, capsys, place):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" if place == "a file" else tmp_path / "file" / "x"))
    (class_folders / "a" / "bad.png").write_bytes(b"x")
    with pytest.warns(DeidWarning, match="there is no log of the workers: .*Not a directory"):
        assert deid(f"--dataset=folder:{class_folders}", "--output_size=32") == 1
    (path,) = lists(capsys.readouterr().out)
    assert path.stat().st_mode & 0o777 == 0o600 and json.loads(path.read_text())["source_id"] == "a/bad.png"
    path.unlink()


def test_names_that_are_no_utf8_are_listed(deid, class_folders, capsys):
    with open(os.path.join(class_folders, "a", "b\udce4d.png"), "wb") as file:
        file.write(b"x")
    assert deid(f"--dataset=folder:{class_folders}", "--output_size=32") == 1
    (path,) = lists(capsys.readouterr().out)
    assert json.loads(path.read_text())["source_id"] == "a/b\udce4d.png"


def test_files_are_as_readable_as_the_umask_says_and_no_thread_changes_it(deid, tmp_path, monkeypatch):
    def changed(mask):
        raise AssertionError("the umask is the whole process's")

    umask = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", changed)
        assert deid("--limit=4", "--output_size=32") == 0
    finally:
        monkeypatch.undo()
        os.umask(umask)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert set(modes.values()) == {0o640}, modes
