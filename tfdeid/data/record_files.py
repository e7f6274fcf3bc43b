"""How the files of each format are read; `tfrecord` says what its functions take and raise, those of others are like them."""

from __future__ import annotations

from tfdeid.data import array_record, tfrecord

READERS = {"tfrecord": tfrecord.read_records, "array_record": array_record.read_records}
"""Read a range of a file's records."""
READERS_AT = {"tfrecord": tfrecord.read_records_at, "array_record": array_record.read_records_at}
"""Read the records at some ascending places of a file."""
