"""Sources and results in a remote store: the same bytes as on a local disk, nothing half-written, nothing left here."""

from __future__ import annotations

import json
import pathlib
import tempfile

import pytest

from beam.deid import run
from tfdeid import DeidError

OPTIONS = ("--input_size=24", "--output_size=32", "--num_shards=3")
SCANS = "scans_deid/structural_24_32/1.0.0"


@pytest.fixture
def remote(storage, class_folders, key_path):
    """Returns a function that de-identifies gs://bucket/scans into gs://bucket/out with the options it is given."""
    storage.put(class_folders, "gs://bucket/scans")

    def call(*options: str) -> int:
        places = ["--dataset=folder:gs://bucket/scans", "--output_dir=gs://bucket/out"]
        return run(["--runner=FnApiRunner", f"--key={key_path}", *places, *OPTIONS, *options])

    return call


@pytest.fixture
def expected(deid, class_folders, tmp_path) -> dict[str, bytes]:
    """Returns the files of a run from a local folder into a local folder."""
    assert deid(f"--dataset=folder:{class_folders}", *OPTIONS) == 0
    return local_files(tmp_path / "out")


def local_files(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_equal(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Compares all files; reports without the times in them, JSON without its order. Locks are for local disks alone."""
    expected = {name: content for name, content in expected.items() if not name.endswith(".lock")}
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        if "_shards/" in name:
            ours, theirs = json.loads(found[name]), json.loads(content)
            assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}, name
        elif name.endswith(".json"):
            assert json.loads(found[name]) == json.loads(content), name
        else:
            assert found[name] == content, name


def test_from_and_to_a_remote_store(remote, storage, expected, tmp_path, monkeypatch, capsys):
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    before = local_files(tmp_path)
    assert remote() == 0
    check_equal(storage.files("gs://bucket/out"), expected)
    assert "next: python -c" in (said := capsys.readouterr().out) and "gs://bucket/out" in said
    # The workers' log is the owner's own, and is not beside the data.
    new = {name for name in local_files(tmp_path).keys() - before.keys() if "/logs/" not in name}
    assert not new, "nothing of the data may stay on this machine"
    assert storage.calls["open"] > 0
    assert remote() == 0
    assert "already complete" in capsys.readouterr().out


def test_from_a_remote_tfds_dataset(storage, sample, deid, key_path, tmp_path):
    storage.put(sample, "gs://bucket/tfds")
    source = ["--dataset=lfw_subset_deid", "--limit=9"]
    assert deid(*source, f"--data_dir={sample}", *OPTIONS) == 0
    places = ["--data_dir=gs://bucket/tfds", "--output_dir=gs://bucket/out"]
    assert run(["--runner=FnApiRunner", f"--key={key_path}", *source, *places, *OPTIONS]) == 0
    check_equal(storage.files("gs://bucket/out"), local_files(tmp_path / "out"))


def test_resuming(remote, storage, expected, capsys):
    assert remote() == 0
    place = f"gs://bucket/out/{SCANS}"
    storage.remove_file(f"{place}/features.json")
    storage.remove_file(f"{place}/scans_deid-train.tfrecord-00001-of-00003")
    with pytest.raises(DeidError, match=r"part of this dataset \(2 of 3 shards\). --mode=resume goes on"):
        remote()
    assert remote("--mode=resume") == 0
    assert "resuming: 2 of 3 shards" in capsys.readouterr().out
    check_equal(storage.files("gs://bucket/out"), expected)
    assert remote("--mode=overwrite") == 0
    check_equal(storage.files("gs://bucket/out"), expected)


@pytest.mark.parametrize(
    ("file", "shards"),
    [("tfrecord-00001-of-00003.incomplete", 2), ("tfrecord-00001-of-00003.json", 2), ("features.json", 3)],
    ids=["a shard", "its report", "the metadata"],
)
def test_an_upload_that_breaks_off(remote, storage, expected, file, shards):
    storage.refuse = file
    with pytest.raises(DeidError, match=r"the connection was lost.*--mode=resume goes on"):
        remote()
    found = storage.files(f"gs://bucket/out/{SCANS}")
    assert "features.json" not in found, "no reader may take it for complete"
    assert not [name for name in found if "incomplete" in name]
    for name, content in found.items():
        if ".tfrecord-" in name and "_shards" not in name:
            assert content == expected[f"{SCANS}/{name}"], "what has its name is whole"
    storage.refuse = None
    assert remote("--mode=resume") == 0
    check_equal(storage.files("gs://bucket/out"), expected)
