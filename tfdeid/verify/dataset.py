"""Checks all shards of a dataset, and what they come to together."""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from etils import epath

from tfdeid.data.load import open_builder
from tfdeid.data.metadata import read_facts
from tfdeid.data.shard_report import ShardReport
from tfdeid.verify.owner import Expected, Owner, expected_records
from tfdeid.verify.shard import Shard
from tfdeid.verify.verification import Problem, Verification


def verify(
    name: str, data_dir: str | None = None, owner: Owner | None = None, on_shard: Callable[[], object] = lambda: None
) -> Verification:
    """Checks every shard of a dataset: its CRC, counts, records, images, labels and ids, and the metadata.

    With the owner's source and key, every id must be that of an example of the source, each example must be there or listed as
    failed, and those that are drawn are de-identified again and must come out with the same pixels and label.

    Args:
      name: as for `tfdeid.load`.
      data_dir: TFDS data directory that holds it.
      owner: what only the owner has.
      on_shard: called after each shard.

    Raises:
      DeidError: there is no such dataset, or the key or the source is not that of the dataset.
    """
    builder = open_builder(name, data_dir, (owner.dataset, owner.data_dir) if owner else None)
    directory, info = epath.Path(builder.data_dir), builder.info
    facts = read_facts(directory)
    problems = [*_metadata_problems(facts)]
    expected = expected_records(owner, info, facts) if owner and not problems else None
    shards = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        unchecked = _shards(directory, info, expected, owner)
        for shard in pool.map(Shard.check, unchecked):
            problems += shard.problems
            shards.append(shard)
            on_shard()
    seen = collections.Counter(record_id for shard in shards for record_id in shard.ids)
    problems += [Problem(record_id, f"this id occurs {count} times") for record_id, count in seen.items() if count > 1]
    records = sum(shard.records for shard in shards)
    reports = {shard.report.file_name: shard.report for shard in shards if shard.report is not None}
    problems += _count_problems(facts, reports.values(), records, len(reports) == len(shards))
    if expected is not None:
        problems += _missing(expected, seen, reports.values())
    return Verification(
        dataset=info.full_name,
        directory=str(directory),
        shards=len(shards),
        records=records,
        known=sum(shard.known for shard in shards) if owner else None,
        compared=sum(shard.compared for shard in shards) if owner else None,
        problems=problems,
    )


def _shards(directory: epath.Path, info: Any, expected: Expected | None, owner: Owner | None) -> Iterator[Shard]:
    for split, split_info in info.splits.items():
        for file, length in zip(split_info.filenames, split_info.shard_lengths, strict=True):
            yield Shard(info, expected, owner.key if owner else None, split, directory / file, length)


def _metadata_problems(facts: Mapping[str, Any]) -> Iterator[Problem]:
    needed = ("scheme", "deid", "source", "key_fingerprint", "algorithm_version", "read", "written", "failed")
    missing = [name for name in needed if name not in facts]
    if missing:
        yield Problem("metadata.json", f"it must say {', '.join(missing)}, and does not: this is no dataset of this tool")


def _count_problems(
    facts: Mapping[str, Any], reports: Iterable[ShardReport], records: int, complete: bool
) -> Iterator[Problem]:
    if facts.get("written", records) != records:
        yield Problem("metadata.json", f"it says {facts['written']} records, and {records} can be read")
    if complete and facts.get("failed", 0) != (failed := sum(len(report.failures) for report in reports)):
        yield Problem("metadata.json", f"it says that {facts['failed']} images failed, the reports list {failed}")


def _missing(expected: Expected, seen: Iterable[str], reports: Iterable[ShardReport]) -> Iterator[Problem]:
    failed = {record_id for report in reports for record_id, _ in report.failures}
    if missing := expected.keys() - set(seen) - failed:
        what = f"{len(missing):,} of its examples, as they are now, are neither there nor listed as failed"
        yield Problem("source", what)
