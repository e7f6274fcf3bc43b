"""TFRecord files, written without TensorFlow, and read within bounds.

TensorFlow's reader allocates whatever length a record claims, and the process ends where that much memory can't be had.

A TFRecord file has no index: a record is found by the lengths of those before it. Where records begin is remembered, so that a
process which reads a file part by part, in any order, passes over no record twice to find another.
"""

from __future__ import annotations

import array
import contextlib
import functools
import itertools
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import google_crc32c
from etils import epath

from tfdeid.errors import DeidError
from tfdeid.files import file_state, storage_errors

# A record: the data's length, the CRC of the length; the data; the CRC of the data.
_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
# Files that are remembered.
_FILES = 4096


def read_records(path: epath.Path, skip: int = 0, take: int | None = None) -> Iterator[bytes]:
    """Yields a file's records; those that are skipped are not read.

    Args:
      path: the file.
      skip: records to pass over.
      take: records to yield after these; None for all that follow.

    Raises:
      DeidError: the file can't be read or is damaged, or ends before so many records.
    """
    with _opened(path) as records:
        records.go_to(skip)
        for _ in itertools.count() if take is None else range(take):
            if take is None and records.at_end:
                return
            yield records.read()


def read_records_at(path: epath.Path, places: Iterable[int]) -> Iterator[bytes]:
    """Yields the records at ascending places of a file; those between them are not read.

    Raises:
      DeidError: as for `read_records`.
    """
    with _opened(path) as records:
        for place in places:
            records.go_to(place)
            yield records.read()


@contextlib.contextmanager
def _opened(path: epath.Path) -> Iterator[_Records]:
    try:
        size, modified = file_state(path)
        with path.open("rb") as file:
            yield _Records(cast(BinaryIO, file), size, _marks(os.fspath(path), size, modified))
    except storage_errors() as error:
        raise DeidError(getattr(error, "strerror", None) or str(error).splitlines()[0]) from error


class _Marks:
    """Where each record of a file begins, as far as it was passed over: 8 MB for a million. Threads may share it."""

    def __init__(self) -> None:
        self._positions = array.array("Q", [0])
        self._adding = threading.Lock()

    def note(self, number: int, position: int) -> None:
        """Remembers where a record begins."""
        with self._adding:
            if number == len(self._positions):
                self._positions.append(position)

    def last_before(self, number: int) -> tuple[int, int]:
        """Returns the number and the position of the last record that is remembered, of those up to a number."""
        known = min(number, len(self._positions) - 1)
        return known, self._positions[known]


@functools.lru_cache(_FILES)
def _marks(path: str, size: int, modified: int) -> _Marks:
    return _Marks()


class _Records:
    """The records of an open file, read forwards."""

    def __init__(self, file: BinaryIO, size: int, marks: _Marks):
        self._file, self._size, self._marks = file, size, marks
        self._number = self._position = 0  # of the next record

    @property
    def at_end(self) -> bool:
        return self._position == self._size

    def go_to(self, number: int) -> None:
        """Passes over the records up to one that is further on."""
        if number == self._number:
            return
        marked, position = self._marks.last_before(number)
        if marked > self._number:
            self._number, self._position = marked, position
            self._file.seek(position)
        while self._number < number:
            length = self._length()
            self._file.seek(self._position + length)
            self._passed(length)

    def read(self) -> bytes:
        """Returns the next record."""
        length = self._length()
        record = _record(self._file.read(length - _HEADER.size), self._position)
        self._passed(length)
        return record

    def _length(self) -> int:
        return _record_length(self._file.read(_HEADER.size), self._size - self._position, self._position)

    def _passed(self, length: int) -> None:
        self._number += 1
        self._position += length
        self._marks.note(self._number, self._position)


def write_records(path: str | os.PathLike[str], records: Iterable[bytes]) -> None:
    """Writes a local file anew, with the bytes that TensorFlow's writer would give it."""
    with open(path, "wb") as file:
        for record in records:
            file.writelines(_framed(record))


def _record_length(header: bytes, available: int, position: int) -> int:
    """Returns how many bytes a record takes in its file, of which so many are left."""
    if len(header) < _HEADER.size:
        raise DeidError(f"it breaks off at byte {position}")
    length, crc = _HEADER.unpack(header)
    if masked_crc(header[:8]) != crc:
        raise DeidError(f"the checksum of the record's length at byte {position} is wrong")
    total = _HEADER.size + length + _CRC.size
    if total > available:
        raise DeidError(f"the record at byte {position} claims {length} bytes, more than the file has")
    return total


def _record(data: bytes, position: int) -> bytes:
    record = data[: -_CRC.size]
    if data[-_CRC.size :] != _CRC.pack(masked_crc(record)):
        raise DeidError(f"the checksum of the record at byte {position} is wrong")
    return record


def frame_record(data: bytes) -> bytes:
    """Returns data as a record of a TFRecord file."""
    return b"".join(_framed(data))


def _framed(data: bytes) -> tuple[bytes, bytes, bytes]:
    length = struct.pack("<Q", len(data))
    return length + _CRC.pack(masked_crc(length)), data, _CRC.pack(masked_crc(data))


def masked_crc(data: bytes) -> int:
    """Returns the CRC-32C as TFRecord files hold it, rotated by 15 bits and moved by a constant."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
