"""ArrayRecord files, read by the same rules as TFRecord files."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

from etils import epath

from tfdeid.errors import DeidError, reason
from tfdeid.files import file_size

# Bytes that are read at once. A call for each record takes a third longer, and a step from Python to tf.data far longer.
_AT_ONCE = 1 << 22
# The reader's own way to read ahead takes 16 MB a thread, and helps only who reads record by record.
_OPTIONS = "readahead_buffer_size:0,max_parallelism:0"


def read_records(path: epath.Path, skip: int = 0, take: int | None = None) -> Iterator[bytes]:
    """Yields a file's records; those that are skipped are not read.

    Args:
      path: the file.
      skip: records to pass over.
      take: records to yield after these; None for all that follow.

    Raises:
      DeidError: the file can't be read or is damaged, or has fewer records.
    """
    return itertools.chain.from_iterable(read_blocks(path, skip, take))


def read_records_at(path: epath.Path, places: Sequence[int]) -> Iterator[bytes]:
    """Yields the records at ascending places of a file; those between them are not read.

    Raises:
      DeidError: as for `read_records`.
    """
    if len(places) and places[-1] - places[0] + 1 == len(places):
        yield from read_records(path, places[0], len(places))
        return
    with _opened(path) as (reader, count, block):
        if len(places) and places[-1] >= count:
            raise DeidError(f"it has only {count} records")
        for start in range(0, len(places), block):
            yield from reader.read(places[start : start + block])


def read_blocks(path: epath.Path, skip: int = 0, take: int | None = None) -> Iterator[list[bytes]]:
    """Yields what `read_records` does, as many records at once as have about 4 MB together."""
    with _opened(path) as (reader, count, block):
        stop = count if take is None else skip + take
        if max(skip, stop) > count:
            raise DeidError(f"it has only {count} records")
        for start in range(skip, stop, block):
            yield reader.read(start, min(start + block, stop))


@contextlib.contextmanager
def _opened(path: epath.Path) -> Iterator[tuple[Any, int, int]]:
    """Gives the package's reader of a file, how many records it has, and how many of them have about 4 MB."""
    try:
        from array_record.python.array_record_module import ArrayRecordReader  # Late: only for files of this format.
    except ImportError as error:
        raise DeidError("an ArrayRecord file needs the package array_record, which can't be imported") from error
    try:
        size = file_size(path)  # Also because the reader is vague about what is not there.
        reader = ArrayRecordReader(os.fspath(path), _OPTIONS)
        try:
            count = reader.num_records()
            if not reader.ok():
                reader.close()  # Raises what is wrong.
            yield reader, count, max(1, _AT_ONCE * count // size)
        finally:
            if reader.ok():
                reader.close()
    except DeidError:
        raise
    except (OSError, ValueError, RuntimeError, IndexError) as error:  # The package raises the last three.
        raise DeidError(reason(error)) from error
