"""--mode=overwrite: the old dataset stays, and can be read, until the new one is whole; what is not ours is not touched."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest
import tensorflow_datasets as tfds
from etils import epath

import tfdeid
from beam import output, shards
from beam.deid import run
from beam.job import Job, plan_shards
from tests.pipeline.test_remote_files import local_files
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidWarning

SAMPLE = "lfw_subset_deid/structural_50_32/1.0.0"
OPTIONS = ("--output_size=32", "--limit=8")


@pytest.fixture
def key(tmp_path) -> pathlib.Path:
    Key.generate().save(tmp_path / "other")
    return tmp_path / "other"


@pytest.fixture
def old(deid, tmp_path) -> pathlib.Path:
    """Returns the folder of a finished dataset of two shards a split, with a user's files in it."""
    assert deid(*OPTIONS, "--num_shards=2") == 0
    folder = tmp_path / "out" / SAMPLE
    for name in ("lfw_subset_deid-notes.txt", "lfw_subset_deid-train.tfrecord.bak", "thesis.tex", "_shards/notes.json", "x~"):
        (folder / name).write_text("irreplaceable")
    return folder


def content(folder: pathlib.Path) -> dict[str, bytes]:
    """Returns all files but reports, which hold times."""
    return {name: data for name, data in local_files(folder).items() if not name.startswith("_shards/lfw")}


def ids(folder: pathlib.Path) -> set[bytes]:
    return {record["id"] for record in tfds.as_numpy(tfdeid.load(folder, split="train"))}


def interrupted(monkeypatch, after: int) -> None:
    """Lets the writing of shards fail after some."""
    write, calls = shards._write_records, []

    def failing(name, records, file_format):
        calls.append(name)
        if len(calls) > after:
            raise OSError(28, "No space left on device")
        write(name, records, file_format)

    monkeypatch.setattr(shards, "_write_records", failing)


def test_the_new_dataset_takes_the_place_of_the_old(deid, old, key, tmp_path, capsys):
    kept = {name: data for name, data in content(old).items() if data == b"irreplaceable"}
    before = ids(old)
    assert deid(*OPTIONS, "--num_shards=3", "--mode=overwrite", key=key) == 0
    assert "the dataset that is there stays until the new one is whole" in capsys.readouterr().out
    assert not before & ids(old) and len(ids(old)) == 8
    assert run(["--runner=FnApiRunner", f"--output_dir={tmp_path / 'new'}", f"--key={key}", *OPTIONS, "--num_shards=3"]) == 0
    assert content(old) == {**content(tmp_path / "new" / SAMPLE), **kept}, "nothing of the old one is left, all of the user"
    assert len(kept) == 5 and not list(old.parent.glob(".*.new"))
    assert deid(*OPTIONS, "--num_shards=3", key=key) == 0 and "already complete" in capsys.readouterr().out


def test_the_old_dataset_is_there_until_then(deid, old, key, tmp_path, monkeypatch, capsys):
    before, whole = content(old), ids(old)
    seen = []
    write = shards._write_records
    monkeypatch.setattr(shards, "_write_records", lambda *rest: (seen.append(content(old) == before), write(*rest)))
    interrupted(monkeypatch, after=4)
    with pytest.raises(DeidError, match=r"No space left.*new; .*--mode=resume goes on. Until then the dataset in .* stays"):
        deid(*OPTIONS, "--num_shards=3", "--mode=overwrite", key=key)
    assert seen == [True] * 4 and content(old) == before and ids(old) == whole
    monkeypatch.undo()
    # The old one is what the same command without a mode finds; for the new one there is part.
    with pytest.warns(DeidWarning, match="an overwrite was interrupted: .* holds 4 shards of it"):
        assert deid(*OPTIONS, "--num_shards=2") == 0
    with pytest.raises(DeidError, match=r"being overwritten, and 4 of 6 new shards are there. --mode=resume goes on"):
        deid(*OPTIONS, "--num_shards=3", key=key)
    with pytest.raises(DeidError, match="holds a complete dataset of another key"), pytest.warns(DeidWarning):
        deid(*OPTIONS, "--num_shards=4", "--mode=resume", key=key)
    assert content(old) == before
    capsys.readouterr()
    assert deid(*OPTIONS, "--num_shards=3", "--mode=resume", key=key) == 0
    assert "resuming: 4 of 6 shards are there already" in capsys.readouterr().out
    assert not whole & ids(old) and not list(old.parent.glob(".*.new"))


def test_overwriting_again_begins_anew(deid, old, key, monkeypatch, capsys):
    interrupted(monkeypatch, after=2)
    with pytest.raises(DeidError):
        deid(*OPTIONS, "--num_shards=3", "--mode=overwrite", key=key)
    monkeypatch.undo()
    assert deid(*OPTIONS, "--num_shards=1", "--mode=overwrite", key=key) == 0
    assert "resuming" not in capsys.readouterr().out
    assert len(list(old.glob("*-of-00001"))) == 2 and not list(old.glob("*-of-0000[23]"))


@pytest.mark.parametrize("moves", [0, 1, 3, 100])
@pytest.mark.parametrize("mode", ["overwrite", "resume"])
def test_a_swap_that_is_killed_is_ended(deid, old, key, tmp_path, monkeypatch, moves, mode):
    assert run(["--runner=FnApiRunner", f"--output_dir={tmp_path / 'new'}", f"--key={key}", *OPTIONS]) == 0
    path_type, calls = type(epath.Path()), []
    move = path_type.replace

    def killed(self, target):
        if ".1.0.0.new" in str(self) and ".1.0.0.new" not in str(target):
            calls.append(target)
            if len(calls) > moves:
                raise OSError(5, "killed")
        return move(self, target)

    def killed_too(self, missing_ok=False):
        if (self / ".contents").exists():
            raise OSError(5, "killed")

    monkeypatch.setattr(output, "AT_ONCE", 1)
    monkeypatch.setattr(path_type, "replace", killed)
    if moves == 100:
        monkeypatch.setattr(path_type, "rmtree", killed_too)
    with pytest.raises(DeidError, match="killed"):
        deid(*OPTIONS, "--mode=overwrite", key=key)
    monkeypatch.undo()
    assert (old / "features.json").exists() == (moves == 100)
    assert deid(*OPTIONS, f"--mode={mode}", key=key) == 0
    new = content(tmp_path / "new" / SAMPLE)
    assert {name: data for name, data in content(old).items() if data != b"irreplaceable"} == new
    assert not list(old.parent.glob(".*.new"))


def test_what_is_withheld_leaves_the_old_dataset(deid, class_folders, tmp_path, capsys):
    options = (f"--dataset=folder:{class_folders}", "--output_size=32", "--mode=overwrite")
    assert deid(*options) == 0
    folder = tmp_path / "out" / "scans_deid/structural_50_32/1.0.0"
    before = ids(folder)
    (class_folders / "a" / "bad.png").write_bytes(b"x")
    assert deid(*options) == 1
    said = capsys.readouterr().out
    assert "withheld" in said and f"the dataset that was in {folder} is still there" in said
    assert ids(folder) == before
    options = (*options[:2], "--mode=resume", "--max_failed_ratio=0.2")
    assert deid(*options) == 0
    assert json.loads((folder / "metadata.json").read_text())["failed"] == 1
    assert "next: python -c" in capsys.readouterr().out and not list(folder.parent.glob(".*.new"))


def test_part_of_a_dataset_is_overwritten_in_place(deid, old, key):
    (old / "features.json").unlink()
    assert deid(*OPTIONS, "--num_shards=3", "--mode=overwrite", key=key) == 0
    assert sorted(path.name for path in old.glob("*-of-*")) == sorted(path.name for path in old.glob("*-of-00003"))
    assert (old / "lfw_subset_deid-notes.txt").read_text() == "irreplaceable"


def test_a_job_that_is_described_removes_nothing(old, key, tmp_path):
    config, fingerprint = DeidConfig(output_size=32), Key.load(key).fingerprint
    place, names = str(tmp_path / "out"), ("face", "nonface")
    source = SourceConfig(limit=8)
    job = Job(source, config, str(key), fingerprint, place, "lfw_subset_deid", "tfrecord", 1, names, "lfw_subset", "1.0.0")
    tasks = plan_shards(job, open_source(source), Key.load(key))
    before = local_files(tmp_path / "out")
    assert output.decide(job, tasks, "overwrite", changes=False, find_changed=lambda reports: set()) == (
        dataclasses.replace(job, replaces=True),
        tasks,
        {},
    )
    assert local_files(tmp_path / "out") == before


def test_overwriting_in_a_remote_store(storage, class_folders, key, key_path):
    storage.put(class_folders, "gs://bucket/scans")

    def call(key, *options):
        places = ["--dataset=folder:gs://bucket/scans", "--output_dir=gs://bucket/out", "--output_size=32"]
        return run(["--runner=FnApiRunner", f"--key={key}", *places, *options])

    assert call(key_path, "--num_shards=2") == 0
    place = "gs://bucket/out/scans_deid/structural_50_32/1.0.0"
    before = storage.files(place)
    storage.refuse = "tfrecord-00001-of-00003.incomplete"
    with pytest.raises(DeidError, match="the connection was lost"):
        call(key, "--num_shards=3", "--mode=overwrite")
    assert storage.files(place) == before
    storage.refuse = None
    assert call(key, "--num_shards=3", "--mode=resume") == 0
    assert len([name for name in storage.files(place) if "-of-00003" in name]) == 6
    assert not [name for name in storage.files("gs://bucket/out") if "-of-00002" in name or ".new" in name]
