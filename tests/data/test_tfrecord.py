"""TFRecord files: where records begin is remembered, and what is remembered is of the file as it is."""

from __future__ import annotations

import concurrent.futures
import random

import numpy as np
import pytest
from etils import epath

from beam.shards import _write_records
from tfdeid import DeidError
from tfdeid.data import tfrecord
from tfdeid.files import file_state

RECORDS = [np.random.RandomState(k).bytes(20 + k % 90) for k in range(1000)]


@pytest.fixture
def file(tmp_path):
    path = epath.Path(tmp_path) / "x.tfrecord"
    _write_records(str(path), RECORDS, "tfrecord")
    return path


@pytest.fixture
def headers(monkeypatch) -> list[int]:
    """Returns a list that gets the position of every record whose length is read."""
    read, positions = tfrecord._record_length, []
    monkeypatch.setattr(tfrecord, "_record_length", lambda *given: positions.append(given[2]) or read(*given))
    return positions


def test_parts_in_any_order_pass_over_a_record_once(file, headers):
    parts = [range(start, start + 50) for start in range(0, 1000, 50)]
    random.Random(0).shuffle(parts)
    for part in parts:
        assert list(tfrecord.read_records(file, part.start, 50)) == RECORDS[part.start : part.stop]
    # All that are read, and all that are passed over at most once.
    assert len(headers) <= 1000 + 1000
    headers.clear()
    assert list(tfrecord.read_records_at(file, [998])) == [RECORDS[998]] and headers == [
        sum(len(record) + 16 for record in RECORDS[:998])
    ]


def test_what_lies_between_is_not_read(file, monkeypatch):
    read = tfrecord._record
    payloads = []
    monkeypatch.setattr(tfrecord, "_record", lambda *given: payloads.append(given[1]) or read(*given))
    places = [0, 3, 64, 65, 700, 999]
    assert list(tfrecord.read_records_at(file, places)) == [RECORDS[place] for place in places]
    assert len(payloads) == len(places)
    assert list(tfrecord.read_records_at(file, [])) == []
    with pytest.raises(DeidError, match="it breaks off"):
        list(tfrecord.read_records_at(file, [5, 1000]))


def test_threads_share_what_is_remembered(file):
    def read(start: int) -> bool:
        return list(tfrecord.read_records(file, start, 7)) == RECORDS[start : start + 7]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, random.Random(1).sample(range(993), 300)))
    positions = np.cumsum([0, *(len(record) + 16 for record in RECORDS)])
    marks = tfrecord._marks(str(file), *file_state(file))
    assert list(marks._positions) == positions[: len(marks._positions)].tolist()


def test_a_file_that_is_written_anew_is_another(file):
    assert list(tfrecord.read_records(file, 900)) == RECORDS[900:]
    _write_records(str(file), RECORDS[::-1], "tfrecord")
    assert list(tfrecord.read_records(file, 900)) == RECORDS[::-1][900:]


def test_damage_between_is_no_matter_and_in_a_length_it_is(file):
    data = bytearray(file.read_bytes())
    data[20] ^= 1  # In the first record's data.
    file.write_bytes(data)
    assert list(tfrecord.read_records_at(file, [1, 2])) == RECORDS[1:3]
    with pytest.raises(DeidError, match="the checksum of the record at byte 0 is wrong"):
        list(tfrecord.read_records(file, 0, 1))
    data[0] ^= 1
    file.write_bytes(data)
    with pytest.raises(DeidError, match="the checksum of the record's length at byte 0 is wrong"):
        list(tfrecord.read_records_at(file, [1]))
