"""Writing one shard, and finishing the dataset once all are there. No Beam in here: a shard can be written and tested alone."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from etils import epath

from beam.job import Job, ShardTask, run_identity
from tfdeid.data.example import record_id
from tfdeid.data.metadata import make_features, write_metadata
from tfdeid.data.shard_report import REPORTS, ShardReport, read_reports
from tfdeid.data.sources import Example, Source, open_source
from tfdeid.deidentifier import Deidentifier
from tfdeid.errors import DeidError
from tfdeid.files import crc32c, write_text
from tfdeid.image import decode_image, encode_png, match_channels
from tfdeid.key import Key
from tfdeid.redaction import shown
from tfdeid.terminal import import_tensorflow

_Result = TypeVar("_Result")

# "start" is what a worker does once; all others are done for every image.
STAGES = ("start", "read", "decode", "deidentify", "encode", "write")
# Resized images that a worker holds, and the bytes of all of them.
_DECODED_AHEAD, _BYTES_AHEAD = 32, 64 << 20


class Worker:
    """What a worker process sets up once: the source, the key's table, the compiled kernels and the record serializer."""

    def __init__(self, job: Job):
        import_tensorflow()
        key = Key.load(job.key_reference)
        if key.fingerprint != job.fingerprint:
            raise DeidError(
                f"the key reference {shown(job.key_reference)!r} leads to another key here (fingerprint {key.fingerprint}) "
                f"than at launch ({job.fingerprint}). Give the workers the same key."
            )
        self.job = job
        self.source: Source = open_source(job.source)
        self._key = key
        self._deidentifier = Deidentifier(job.deid, key)
        self._deidentifier(np.zeros((2, 2, job.channels), np.uint8), "start")  # Loads the kernels.

    def record_id(self, split: str, example: Example) -> str:
        """Returns the record's id: 128 bits in hex, which without the key tell nothing of the source."""
        return record_id(self._key, self.job.source_name, split, example)

    def prepare(self, example: Example, clock: Clock) -> np.ndarray:
        """Returns the image decoded and resized; raises StageError where it can't be."""
        with clock.stage("decode"):
            image = decode_image(example.image) if isinstance(example.image, bytes) else example.image
            return self._deidentifier.prepare(match_channels(image, self.job.channels))

    def deidentify(self, prepared: np.ndarray, record_id: str, clock: Clock) -> np.ndarray:
        """Returns the de-identified image; raises StageError where that fails.

        The record's id is the image's id, so that with the key the dataset alone is enough to decrypt it.
        """
        with clock.stage("deidentify"):
            return self._deidentifier(prepared, record_id)

    def records(self, split: str, examples: Iterable[Example], clock: Clock) -> Iterator[tuple[str, bytes | StageError]]:
        """Yields each record's id and its serialized tf.train.Example, or what failed in the image.

        Images are decoded some ahead of the kernels: taking turns, the two drive each other out of the processor's caches.
        """
        examples = iter(examples)
        ahead = max(1, min(_DECODED_AHEAD, _BYTES_AHEAD // (3 * self.job.deid.input_size**2)))
        while batch := list(itertools.islice(examples, ahead)):
            prepared = [_caught(self.prepare, example, clock) for example in batch]
            for example, image in zip(batch, prepared, strict=True):
                record_id = self.record_id(split, example)
                yield record_id, _caught(self._record, record_id, example.label, image, clock)

    def _record(self, record_id: str, label: int | None, prepared: np.ndarray | StageError, clock: Clock) -> bytes:
        if isinstance(prepared, StageError):
            raise prepared
        image = self.deidentify(prepared, record_id, clock)
        with clock.stage("encode"):
            return serialize_example(record_id, encode_png(image), label if self.job.label_names is not None else None)


def serialize_example(record_id: str, png: bytes, label: int | None) -> bytes:
    """Returns the tf.train.Example that TFDS would write for `make_features`, but the same bytes in every process.

    TFDS leaves the order of the features to protobuf's hash tables, which are seeded anew in each process.
    """
    import tensorflow as tf

    features = {
        "id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[record_id.encode()])),
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
    }
    if label is not None:
        features["label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


class StageError(Exception):
    """One image failed in a stage; `__cause__` says why."""

    def __init__(self, stage: str, reason: str):
        super().__init__(f"{stage}: {reason}")
        self.stage = stage


def _caught(function: Callable[..., _Result], *arguments: Any) -> _Result | StageError:
    try:
        return function(*arguments)
    except StageError as error:
        return error


class Clock:
    """Adds up the time spent in each stage, and tells which stage an image failed in."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = collections.defaultdict(float)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except DeidError as error:
            raise StageError(name, str(error)) from error
        finally:
            self.seconds[name] += time.perf_counter() - started


_STARTING = threading.Lock()


def get_worker(job: Job) -> Worker:
    """Returns this process's worker for a job; start-up is paid once a process, however many shards and threads it has."""
    with _STARTING:
        return _worker(job)


@functools.lru_cache(maxsize=2)
def _worker(job: Job) -> Worker:
    return Worker(job)


def write_shard(job: Job, task: ShardTask) -> ShardReport:
    """Reads, de-identifies and writes one shard and its report; both appear under their names only when whole.

    Records are sorted by id, so that their order within the shard tells nothing of the source's order.
    """
    clock = Clock()
    started = time.perf_counter()
    worker = get_worker(job)
    clock.seconds["start"] += time.perf_counter() - started
    records, failures = [], []
    examples = _timed(worker.source.read(task.split, task.start, task.stop), clock)
    for name, record in worker.records(task.split, examples, clock):
        if isinstance(record, StageError):
            failures.append((name, record.stage))
        else:
            records.append((name, record))
    records.sort()
    if len(records) + len(failures) != task.stop - task.start:
        raise DeidError(
            f"the source gave {len(records) + len(failures)} examples for {task.split}[{task.start}:{task.stop}]; "
            "it has changed since the launch, or is truncated."
        )
    path = job.directory / task.file_name
    with _write_errors(f"the shard {path}"), clock.stage("write"):
        file_bytes, crc = _write_file(path, [record for _, record in records], job.file_format)
    report = ShardReport(
        file_name=task.file_name,
        identity=task.identity,
        split=task.split,
        read=len(records) + len(failures),
        written=len(records),
        record_bytes=sum(len(record) for _, record in records),
        file_bytes=file_bytes,
        crc32c=crc,
        failures=tuple(sorted(failures)),
        seconds={stage: round(clock.seconds[stage], 3) for stage in STAGES},
    )
    with _write_errors(f"the shard {path}"):
        write_text(job.directory / REPORTS / f"{task.file_name}.json", report.to_json())
    return report


@contextlib.contextmanager
def _write_errors(what: str) -> Iterator[None]:
    """Turns what goes wrong with a disk or a remote store into one clear error."""
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = error.message if isinstance(error, tf.errors.OpError) else error.strerror or error
        raise DeidError(f"{what} can't be written: {reason}. Nothing half-written is left.") from error


def _timed(examples: Iterator[Example], clock: Clock) -> Iterator[Example]:
    while True:
        started = time.perf_counter()
        example = next(examples, None)
        clock.seconds["read"] += time.perf_counter() - started
        if example is None:
            return
        yield example


def _write_file(path: epath.Path, records: Iterable[bytes], file_format: str) -> tuple[int, str]:
    """Writes records under a temporary name, then renames; returns the file's size and CRC.

    The writers know local files only, so a remote shard is written locally first, then copied.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_local = "://" not in os.fspath(path)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.incomplete-", dir=os.fspath(path.parent) if is_local else None)
    os.close(handle)
    local = pathlib.Path(name)
    with contextlib.ExitStack() as leftovers:
        leftovers.callback(local.unlink, missing_ok=True)
        _write_records(name, records, file_format)
        file_bytes, crc = local.stat().st_size, crc32c(epath.Path(local))
        if is_local:
            _publish(local, path)
        else:
            copy = path.parent / local.name
            leftovers.callback(copy.unlink, missing_ok=True)
            copy.write_bytes(local.read_bytes())
            copy.replace(path)
    return file_bytes, crc


def _write_records(name: str, records: Iterable[bytes], file_format: str) -> None:
    if file_format == "array_record":
        from array_record.python import array_record_module

        # One record a group: TFDS asks for that, since readers then fetch a single record without decoding its neighbours.
        writer = array_record_module.ArrayRecordWriter(name, "group_size:1")
        for record in records:
            writer.write(record)
        writer.close()
        return
    import tensorflow as tf

    with tf.io.TFRecordWriter(name) as writer:
        for record in records:
            writer.write(record)


def _publish(local: pathlib.Path, path: epath.Path) -> None:
    """Gives a whole file its name: on disk before the rename, and readable as any new file of this user is."""
    with open(local, "rb+") as file:
        os.fsync(file.fileno())
    umask = os.umask(0)
    os.umask(umask)
    local.chmod(0o666 & ~umask)
    local.replace(os.fspath(path))


def finish_dataset(job: Job, tasks: list[ShardTask], max_failed_ratio: float) -> bool:
    """Writes the dataset's metadata if every shard is there and few enough images failed; returns whether it did.

    Without metadata no reader takes the folder for a dataset.
    """
    reports = read_reports(job.directory)
    missing = [task for task in tasks if task.file_name not in reports or reports[task.file_name].identity != task.identity]
    if missing:
        raise DeidError(f"{len(missing)} of {len(tasks)} shards are missing in {job.directory}. Run again with --mode=resume.")
    counts = total(reports[task.file_name] for task in tasks)
    if counts["failed"] > max_failed_ratio * counts["read"]:
        return False
    _remove_leftovers(job.directory)
    splits: dict[str, tuple[list[int], int]] = {}
    for task in tasks:
        report = reports[task.file_name]
        lengths, size = splits.get(task.split, ([], 0))
        splits[task.split] = ([*lengths, report.written], size + report.record_bytes)
    with _write_errors(f"the metadata of {job.directory}"):
        write_metadata(
            job.directory,
            dataset=job.dataset,
            config=job.deid.name,
            description=f"{job.source_name} de-identified by the scheme {job.deid.scheme}.",
            features=make_features(job.deid.output_size, job.channels, job.label_names),
            file_format=job.file_format,
            splits=splits,
            facts={
                **job.facts(),
                "identity": run_identity(tasks),
                **{name: counts[name] for name in ("read", "written", "failed")},
            },
        )
    return True


def _remove_leftovers(directory: epath.Path) -> None:
    """Removes what workers left that were killed while they wrote."""
    for folder in (directory, directory / REPORTS):
        for path in folder.glob("*.incomplete-*"):
            path.unlink(missing_ok=True)


def total(reports: Iterable[ShardReport]) -> dict[str, Any]:
    """Returns the sums over shards: read, written, failed, bytes, and seconds of each stage."""
    sums: dict[str, Any] = {"read": 0, "written": 0, "failed": 0, "bytes": 0, "seconds": dict.fromkeys(STAGES, 0.0)}
    for report in reports:
        sums["read"] += report.read
        sums["written"] += report.written
        sums["failed"] += len(report.failures)
        sums["bytes"] += report.file_bytes
        for stage, seconds in report.seconds.items():
            sums["seconds"][stage] += seconds
    return sums
