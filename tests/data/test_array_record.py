"""ArrayRecord files: what is read, and what is refused, as of TFRecord files."""

from __future__ import annotations

import numpy as np
import pytest
from etils import epath

from beam.shards import _write_records
from tests.data.made import NAME, make_dataset
from tfdeid import DeidError
from tfdeid.data import array_record, tfrecord
from tfdeid.data.sources.tfds import TfdsStore

RECORDS = [np.random.RandomState(k).bytes(700 + k) for k in range(50)]


@pytest.fixture(params=["array_record", "tfrecord"])
def file(request, tmp_path):
    """Returns a file, and the function that reads its format."""
    path = epath.Path(tmp_path) / f"x.{request.param}"
    _write_records(str(path), RECORDS, request.param)
    return path, {"array_record": array_record, "tfrecord": tfrecord}[request.param].read_records


@pytest.mark.parametrize("at_once", [1, 10_000, 1 << 22])
def test_records_come_in_stored_order(file, at_once, monkeypatch):
    monkeypatch.setattr(array_record, "_AT_ONCE", at_once)
    path, read = file
    assert list(read(path)) == RECORDS
    assert list(read(path, 7)) == RECORDS[7:] and list(read(path, 7, 20)) == RECORDS[7:27]
    assert list(read(path, 50)) == list(read(path, 7, 0)) == []


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_sources_are_read_in_both_formats(tmp_path, file_format):
    make_dataset(tmp_path, {"train": [0, 1, -1, 2, 1]}, file_format=file_format)
    store = TfdsStore(NAME, str(tmp_path))
    assert store.labels("train").tolist() == [0, 1, -1, 2, 1]
    assert [(example.index, example.label) for example in store.read("train", [1, 3, 4])] == [(1, 1), (3, 2), (4, 1)]


def test_a_file_without_records(tmp_path):
    path = epath.Path(tmp_path) / "none"
    _write_records(str(path), [], "array_record")
    assert list(array_record.read_records(path)) == []


def test_more_than_there_is(file):
    path, read = file
    for skip, take in ((0, 51), (40, 11), (51, None), (51, 0)):
        with pytest.raises(DeidError, match="breaks off|has only 50 records"):
            list(read(path, skip, take))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "."),
        (lambda data: data[:1000], "."),
        (lambda data: b"", "."),
        (lambda data: b"no such file" * 9000, "."),
        (lambda data: data[:20_000] + bytes([data[20_000] ^ 1]) + data[20_001:], "hash mismatch"),
    ],
)
def test_damage_is_one_line(tmp_path, damage, message):
    path = epath.Path(tmp_path) / "x"
    _write_records(str(path), RECORDS, "array_record")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DeidError, match=message) as error:
        list(array_record.read_records(path))
    assert str(error.value).strip().count("\n") == 0


def test_what_is_not_there(file, tmp_path):
    _, read = file
    with pytest.raises(DeidError, match="No such file or directory"):
        list(read(epath.Path(tmp_path) / "gone"))
    with pytest.raises(DeidError, match="."):
        list(read(epath.Path(tmp_path)))
