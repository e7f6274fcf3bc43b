"""Checks a de-identified dataset: that it is whole, and with source and key that it is what de-identification makes."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from tfdeid.data.example import Example, digest, digest_of_all
from tfdeid.data.load import open_builder
from tfdeid.data.metadata import read_facts
from tfdeid.data.naming import class_names
from tfdeid.data.record_files import READERS
from tfdeid.data.shard_report import REPORTS, ShardReport
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.files import crc32c, file_size
from tfdeid.image import decode_image, match_channels
from tfdeid.key import Key

_ID = re.compile("[0-9a-f]{32}")
_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that is wrong: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclasses.dataclass(frozen=True)
class Verification:
    """What a check found.

    Attributes:
      dataset: `name/config:version`.
      directory: where it lies.
      shards: shards that the metadata names.
      records: records read.
      known: records whose ids are those of the source's examples; None without source and key.
      compared: records that were made again from the source, and compared; None without source and key.
      problems: what is wrong, in the order of the shards.
    """

    dataset: str
    directory: str
    shards: int
    records: int
    known: int | None
    compared: int | None
    problems: list[Problem]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.dataset} in {self.directory}", f"{self.shards:,} shards, {self.records:,} records"]
        if self.known is not None:
            lines[-1] += f"; {self.known:,} ids known from the source; {self.compared:,} records made again and compared"
        lines += [f"wrong: {problem}" for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"... and {len(self.problems) - _SHOWN:,} more")
        what = "whole" if self.known is None else "whole, and what the key makes of the source"
        lines.append(f"NOT in order: {len(self.problems):,} problems" if self.problems else f"in order: {what}")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Owner:
    """What the owner has, and others have not.

    Attributes:
      key: the key.
      dataset: the source, as `SourceConfig.dataset`.
      data_dir: TFDS data directory that it is read from.
      num_images: images of each split that are made again and compared, drawn by the seed; None for all.
      seed: of that draw.
    """

    key: Key
    dataset: str
    data_dir: str | None = None
    num_images: int | None = 200
    seed: int = 0


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
    expected = _expected(owner, info, facts) if owner and not problems else None
    reports: dict[str, ShardReport] = {}
    jobs: list[tuple[str, epath.Path, int]] = []
    for split, split_info in info.splits.items():
        for file, length in zip(split_info.filenames, split_info.shard_lengths, strict=True):
            jobs.append((split, epath.Path(directory) / file, length))
    key = owner.key if owner else None
    records = known = compared = 0
    seen: collections.Counter[str] = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        checks = pool.map(lambda job: _Shard(info, expected, key, *job).check(), jobs)
        for shard in checks:
            problems += shard.problems
            records, known, compared = records + shard.records, known + shard.known, compared + shard.compared
            seen.update(shard.ids)
            if shard.report is not None:
                reports[shard.report.file_name] = shard.report
            on_shard()
    problems += [Problem(one, f"this id occurs {count} times") for one, count in seen.items() if count > 1]
    problems += _count_problems(facts, reports.values(), records, len(reports) == len(jobs))
    if expected is not None:
        failed = {one for report in reports.values() for one, _ in report.failures}
        missing = expected.keys() - seen.keys() - failed
        if missing:
            problems.append(
                Problem("source", f"{len(missing):,} of its examples, as they are now, are neither there nor listed as failed")
            )
    return Verification(
        dataset=info.full_name,
        directory=str(directory),
        shards=len(jobs),
        records=records,
        known=known if owner else None,
        compared=compared if owner else None,
        problems=problems,
    )


# What the owner expects of an id: the label, the digest of the pixels, or None where they are not to be compared, and that of
# the source's image.
Expected = Mapping[str, tuple[int | None, bytes | None, bytes]]


class _Shard:
    """One shard, and what is wrong with it."""

    def __init__(self, info: Any, expected: Expected | None, key: Key | None, split: str, path: epath.Path, length: int):
        self._info, self._split, self._path, self._length = info, split, path, length
        self._expected, self._key = expected, key
        self.problems: list[Problem] = []
        self.ids: list[str] = []
        self.report: ShardReport | None = None
        self.records = self.known = self.compared = 0

    def check(self) -> _Shard:
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
        if digest_of_all(key, {name: expected[name][2] for name in names}) != report.source_digest:
            self._wrong("images or labels that it is made of have changed in the source since: --mode=resume makes it again")

    def _check_record(self, data: bytes) -> None:
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        where = f"record {self.records}"
        features = self._info.features
        try:
            values = tf.train.Example.FromString(data).features.feature
            one = values["id"].bytes_list.value[0].decode("ascii", "replace")
            image = decode_image(values["image"].bytes_list.value[0])
            label = values["label"].int64_list.value[0] if "label" in features else None
        except (DecodeError, IndexError, DeidError) as error:
            self._wrong(f"{where} can't be decoded: {error}")
            return
        self.ids.append(one)
        if not _ID.fullmatch(one):
            self._wrong(f"{where}: an id must be 32 hex digits, it is {one!r}")
        if image.shape != (shape := tuple(features["image"].shape)):
            self._wrong(f"{where}: the image must be {list(shape)}, it is {list(image.shape)}")
        if label is not None and not -1 <= label < features["label"].num_classes:
            last = features["label"].num_classes - 1
            self._wrong(f"{where}: a label must be in [0, {last}], or -1 for none, it is {label}")
        if self._expected is not None:
            self._compare(where, one, image, label, self._expected)

    def _compare(self, where: str, one: str, image: np.ndarray, label: int | None, expected: Expected) -> None:
        if one not in expected:
            self._wrong(f"{where}: its id is not that of any example of the source under this key")
            return
        self.known += 1
        true_label, pixels, _ = expected[one]
        if label != true_label:
            self._wrong(f"{where}: its label must be {true_label}, as in the source, and is {label}")
        if pixels is not None:
            self.compared += 1
            if _digest(image) != pixels:
                self._wrong(f"{where}: its pixels are not those that the key makes of the source's image")


def _metadata_problems(facts: Mapping[str, Any]) -> Iterator[Problem]:
    needed = ("scheme", "deid", "source", "key_fingerprint", "algorithm_version", "read", "written", "failed")
    missing = [name for name in needed if name not in facts]
    if missing:
        yield Problem("metadata.json", f"it must say {', '.join(missing)}, and does not: this is no dataset of this tool")


def _count_problems(facts: Mapping[str, Any], reports: Any, records: int, complete: bool) -> Iterator[Problem]:
    if facts.get("written", records) != records:
        yield Problem("metadata.json", f"it says {facts['written']} records, and {records} can be read")
    if complete and facts.get("failed", 0) != (failed := sum(len(report.failures) for report in reports)):
        yield Problem("metadata.json", f"it says that {facts['failed']} images failed, the reports list {failed}")


def _expected(owner: Owner, info: Any, facts: Mapping[str, Any]) -> Expected:
    """Returns what the owner expects of every record, by id."""
    if owner.key.fingerprint != facts["key_fingerprint"]:
        raise DeidError(
            f"the key must be that of the dataset, with fingerprint {facts['key_fingerprint']}; the one given has "
            f"{owner.key.fingerprint}."
        )
    config = DeidConfig.of_facts(facts)
    selection = facts.get("source_selection", {})
    features = {name: selection.get(name) for name in ("image_feature", "label_feature")}
    whole = SourceConfig(owner.dataset, owner.data_dir, **features)
    source = open_source(whole)
    version = source.version if config.algorithm_version == 1 else source.stated_version
    if (source.name, version) != (facts["source"], facts["source_version"]):
        raise DeidError(
            f"the source must be {facts['source']} {_version(facts['source_version'])}, of which the dataset is made; it is "
            f"{source.name} {_version(version)}."
        )
    source = open_source(whole.selecting_as(facts, splits=_splits(info, selection)), source.all_label_names)
    if config.algorithm_version > 1 and source.label_names is not None:
        _check_classes(class_names(source.label_names), info.features["label"].names)
    deidentify = Deidentifier(config, owner.key)
    record_id = source.record_ids(owner.key, config.algorithm_version)
    channels = info.features["image"].shape[-1]

    def one(split: str, example: Example, is_drawn: bool) -> tuple[str, tuple[int | None, bytes | None, bytes]]:
        name = record_id(split, example)
        label = example.label if source.label_names is not None else None
        if not is_drawn:
            return name, (label, None, digest(example))
        try:
            image = decode_image(example.image) if isinstance(example.image, bytes) else example.image
            return name, (label, _digest(deidentify(match_channels(image, channels), name)), digest(example))
        except DeidError:
            return name, (label, b"", digest(example))  # It failed then too, or the record will be found to differ.

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(result for split in source.splits for result in _in_chunks(pool, one, _drawn(source, split, owner)))


def _version(version: str) -> str:
    return f"version {version}" if version else "(a folder)"


def _check_classes(now: Sequence[str], then: Sequence[str]) -> None:
    if list(now) != list(then):
        differing = [f"{old!r} is {new!r} now" for old, new in zip(then, now) if old != new] or [f"there are {len(now)} now"]
        raise DeidError(
            f"the classes of the source must be the {len(then)} that the dataset was made with: {', '.join(differing[:5])}. "
            "Make the dataset again, or give the source as it was."
        )


def _splits(info: Any, selection: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the source's splits that the dataset's are made of; those that `split_sizes` makes of others are not its own."""
    made = {key.partition("=")[0] for key in selection.get("split_sizes", {}) if "=" in key}
    in_source = (info.metadata or {}).get("source_splits", {})
    return tuple(split for split in (in_source.get(split, split) for split in info.splits) if split not in made)


def _drawn(source: Source, split: str, owner: Owner) -> Iterator[tuple[str, Example, bool]]:
    """Yields all examples of a split, and whether they are to be compared."""
    size = source.splits[split]
    drawn = np.ones(size, bool)
    if owner.num_images is not None and owner.num_images < size:
        drawn[:] = False
        drawn[np.random.RandomState(owner.seed).choice(size, owner.num_images, replace=False)] = True
    for k, example in enumerate(source.read(split, 0, size)):
        yield split, example, bool(drawn[k])


def _in_chunks(pool: concurrent.futures.Executor, function: Callable[..., Any], arguments: Iterator[Any]) -> Iterator[Any]:
    """Maps over some arguments at a time, so that few images are in memory."""
    chunk: list[Any] = []
    for argument in arguments:
        chunk.append(argument)
        if len(chunk) == 256:
            yield from pool.map(lambda one: function(*one), chunk)
            chunk = []
    yield from pool.map(lambda one: function(*one), chunk)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def _read(path: epath.Path, file_format: str) -> Iterator[bytes]:
    """Yields a shard's records; raises DeidError where one is damaged."""
    if file_format not in READERS:
        raise DeidError(f"files of the format {file_format} can't be read, only {' and '.join(READERS)}")
    return READERS[file_format](path)
