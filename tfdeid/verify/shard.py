"""Checks one shard of a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from etils import epath

from tfdeid.data import tf_example
from tfdeid.data.example import digest_of_all
from tfdeid.data.record_files import READERS
from tfdeid.data.shard_report import REPORTS, ShardReport
from tfdeid.errors import DeidError
from tfdeid.files import crc32c, file_size
from tfdeid.image import decode_image
from tfdeid.key import Key
from tfdeid.verify.owner import Expected, pixel_digest
from tfdeid.verify.verification import Problem

_ID = re.compile("[0-9a-f]{32}")


class Shard:
    """One shard, and what is wrong with it.

    Args:
      info: the dataset's `tfds.core.DatasetInfo`.
      expected: what its owner expects; None without source and key.
      key: the owner's; None without source and key.
      split: whose shard it is.
      path: where it lies.
      length: records that it must hold by the metadata.

    Attributes:
      problems: what is wrong.
      ids: of its records, in their order.
      report: what was written beside it; None where that can't be read.
      records, known, compared: as in `Verification`.
    """

    def __init__(self, info: Any, expected: Expected | None, key: Key | None, split: str, path: epath.Path, length: int):
        self._info, self._split, self._path, self._length = info, split, path, length
        self._expected, self._key = expected, key
        self.problems: list[Problem] = []
        self.ids: list[str] = []
        self.report: ShardReport | None = None
        self.records = self.known = self.compared = 0

    def check(self) -> Shard:
        """Reads all of it; returns itself."""
        if not self._path.exists():
            self._wrong("the shard is missing")
            return self
        try:
            self._check_report()
            for data in _read(self._path, self._info.file_format.value):
                self._check_record(data)
                self.records += 1
        except (DeidError, OSError) as error:
            self._wrong(str(getattr(error, "strerror", None) or error))
        if self.records != self._length:
            self._wrong(f"it must hold {self._length} records by the metadata, and {self.records} can be read")
        if self.ids != sorted(self.ids):
            self._wrong("its records must be sorted by id, and they are not")
        if self._expected is not None and self._key is not None and self.report is not None:
            self._check_source(self.report, self._expected, self._key)
        return self

    def _wrong(self, what: str) -> None:
        self.problems.append(Problem(self._path.name, what))

    def _check_report(self) -> None:
        path = self._path.parent / REPORTS / f"{self._path.name}.json"
        try:
            report = ShardReport.from_json(path.read_text())
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._wrong(f"its report {path.parent.name}/{path.name} can't be read: {type(error).__name__}")
            return
        self.report = report
        if (report.file_name, report.split) != (self._path.name, self._split):
            self._wrong(f"its report is that of {report.file_name}, split {report.split}")
        if report.written != self._length:
            self._wrong(f"it must hold {self._length} records by the metadata, {report.written} by its report")
        if (size := file_size(self._path)) != report.file_bytes:
            self._wrong(f"it must have {report.file_bytes:,} bytes, and has {size:,}")
        elif (crc := crc32c(self._path)) != report.crc32c:
            self._wrong(f"its CRC-32C must be {report.crc32c}, and is {crc}: its content has changed")

    def _check_source(self, report: ShardReport, expected: Expected, key: Key) -> None:
        names = {*self.ids, *(name for name, _ in report.failures)}
        is_of_version_1 = (self._info.metadata or {}).get("algorithm_version", 1) == 1
        if is_of_version_1 or self.records != report.written or not names <= expected.keys():
            return  # Version 1 had no digests; otherwise what is wrong with it has been said.
        if digest_of_all(key, {name: expected[name].source for name in names}) != report.source_digest:
            self._wrong("images or labels that it is made of have changed in the source since: --mode=resume makes it again")

    def _check_record(self, data: bytes) -> None:
        where = f"record {self.records}"
        features = self._info.features
        try:
            values = tf_example.parse(data)
            record_id = values["id"].bytes_list.value[0].decode("ascii", "replace")
            image = decode_image(values["image"].bytes_list.value[0])
            label = values["label"].int64_list.value[0] if "label" in features else None
        except (IndexError, DeidError) as error:
            self._wrong(f"{where} can't be decoded: {error}")
            return
        self.ids.append(record_id)
        if not _ID.fullmatch(record_id):
            self._wrong(f"{where}: an id must be 32 hex digits, it is {record_id!r}")
        if image.shape != (shape := tuple(features["image"].shape)):
            self._wrong(f"{where}: the image must be {list(shape)}, it is {list(image.shape)}")
        if label is not None and not -1 <= label < features["label"].num_classes:
            last = features["label"].num_classes - 1
            self._wrong(f"{where}: a label must be in [0, {last}], or -1 for none, it is {label}")
        if self._expected is not None:
            self._compare(where, record_id, image, label, self._expected)

    def _compare(self, where: str, record_id: str, image: np.ndarray, label: int | None, expected: Expected) -> None:
        if record_id not in expected:
            self._wrong(f"{where}: its id is not that of any example of the source under this key")
            return
        self.known += 1
        true_label, pixels, _ = expected[record_id]
        if label != true_label:
            self._wrong(f"{where}: its label must be {true_label}, as in the source, and is {label}")
        if pixels is not None:
            self.compared += 1
            if pixel_digest(image) != pixels:
                self._wrong(f"{where}: its pixels are not those that the key makes of the source's image")


def _read(path: epath.Path, file_format: str) -> Iterator[bytes]:
    """Yields a shard's records; raises DeidError where one is damaged."""
    if file_format not in READERS:
        raise DeidError(f"files of the format {file_format} can't be read, only {' and '.join(READERS)}")
    return READERS[file_format](path)
