"""TFRecord files, read within bounds.

TensorFlow's reader allocates whatever length a record claims, and the process ends where that much memory can't be had.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

import google_crc32c
from etils import epath

from tfdeid.errors import DeidError
from tfdeid.files import file_size

# A record: the data's length, the CRC of the length; the data; the CRC of the data.
_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")


def read_records(path: epath.Path, skip: int = 0, take: int | None = None) -> Iterator[bytes]:
    """Yields a file's records; those that are skipped are not read.

    Args:
      path: the file.
      skip: records to pass over.
      take: records to yield after these; None for all that follow.

    Raises:
      DeidError: the file can't be read or is damaged, or ends before so many records.
    """
    import tensorflow as tf

    try:
        size = file_size(path)
        with path.open("rb") as file:
            position = 0
            for k in itertools.count() if take is None else range(skip + take):
                if take is None and position == size and k >= skip:
                    return
                header = file.read(_HEADER.size)
                length = _record_length(header, size - position, position)
                if k < skip:
                    file.seek(position + length)
                else:
                    yield _record(file.read(length - _HEADER.size), position)
                position += length
    except (OSError, tf.errors.OpError) as error:  # The second for what is remote.
        raise DeidError(getattr(error, "strerror", None) or str(error).splitlines()[0]) from error


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


def masked_crc(data: bytes) -> int:
    """Returns the CRC-32C as TFRecord files hold it, rotated by 15 bits and moved by a constant."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
