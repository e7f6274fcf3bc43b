"""What became of each shard: a small file beside it, by which runs go on and datasets are verified."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json

from etils import epath

from tfdeid.files import file_size, is_remote

REPORTS = "_shards"
# A remote store takes some 50 ms for each answer, and a large dataset has tens of thousands of shards.
AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What became of one shard; lies beside it as `_shards/<file name>.json`.

    Attributes:
      file_name: the shard.
      identity: the task's identity.
      split: the split.
      read: examples read; always written + len(failures).
      written: records in the shard.
      record_bytes: bytes of all records.
      file_bytes: bytes of the file.
      crc32c: CRC-32C of the file, 8 hex digits.
      failures: (hashed id, stage) of each image that failed. Only the key holder can tell which image that is.
      seconds: time spent in each stage.
      source_digest: hash of the images and labels that it was made of, by their records' ids; "" until algorithm version 1.
      several_pictures: image files that held several, as a TIFF has pages; the first was taken.
    """

    file_name: str
    identity: str
    split: str
    read: int
    written: int
    record_bytes: int
    file_bytes: int
    crc32c: str
    failures: tuple[tuple[str, str], ...]
    seconds: dict[str, float]
    source_digest: str = ""
    several_pictures: int = 0

    @classmethod
    def from_json(cls, text: str) -> ShardReport:
        values = json.loads(text)
        return cls(**{**values, "failures": tuple((i, stage) for i, stage in values["failures"])})

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


def read_reports(directory: epath.PathLike) -> dict[str, ShardReport]:
    """Returns the reports of all finished shards by file name.

    A shard whose file is missing or has another size is not finished, nor is one whose report is damaged.
    """
    directory = epath.Path(directory)
    folder = directory / REPORTS
    # Not by a pattern: the folder's own name would count as part of it.
    entries = sorted(folder.iterdir()) if folder.exists() else []
    paths = [path for path in entries if path.name.endswith(".json") and not path.name.startswith(".")]
    with contextlib.ExitStack() as ended:
        # On a local disk threads would only wait for each other.
        mapped = ended.enter_context(concurrent.futures.ThreadPoolExecutor(AT_ONCE)).map if is_remote(directory) else map
        reports = mapped(lambda path: _read_report(directory, path), paths)
        return {report.file_name: report for report in reports if report is not None}


def _read_report(directory: epath.Path, path: epath.Path) -> ShardReport | None:
    """Returns a report; None if it is damaged, or its shard is not there as it says."""
    try:
        report = ShardReport.from_json(path.read_text())
        return report if file_size(directory / report.file_name) == report.file_bytes else None
    except (ValueError, TypeError, KeyError, AttributeError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
