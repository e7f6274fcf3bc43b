"""Writing one shard, and finishing the dataset once all are there. No Beam in here: a shard can be written and tested alone."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import os
import pathlib
import secrets
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from etils import epath
from tqdm import tqdm

from beam.job import Job, ShardTask, run_identity
from beam.output import is_whole, put_in_place, remove_ours, write_errors
from tfdeid.data.example import RecordIds, digest, digest_of_all
from tfdeid.data.metadata import make_features, read_facts, write_metadata
from tfdeid.data.shard_report import REPORTS, ShardReport, read_reports
from tfdeid.data.sources import Example, Source, open_source
from tfdeid.data.tf_example import serialize
from tfdeid.data.tfrecord import write_records
from tfdeid.deidentifier import Deidentifier
from tfdeid.errors import DeidError
from tfdeid.files import crc32c, write_text
from tfdeid.image import decode_image, encode_png, holds_several, match_channels
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.redaction import shown
from tfdeid.terminal import exit_quickly

_Result = TypeVar("_Result")

# "start" is what a worker does once; all others are done for every image.
STAGES = ("start", "read", "decode", "deidentify", "encode", "write")
# Resized images that a worker holds, and the bytes of all of them.
_DECODED_AHEAD, _BYTES_AHEAD = 32, 64 << 20
# Images that are compared with the source in one go.
_STRETCH = 4096


class Worker:
    """What a worker process sets up once: the source, the key's table, the compiled kernels and the record serializer."""

    def __init__(self, job: Job):
        exit_quickly()
        key = Key.load(job.key_reference)
        if key.fingerprint != job.fingerprint:
            raise DeidError(
                f"the key reference {shown(job.key_reference)!r} leads to another key here (fingerprint {key.fingerprint}) "
                f"than at launch ({job.fingerprint}). Give the workers the same key."
            )
        self.job = job
        self.source: Source = open_source(job.source, job.all_label_names, job.outline)
        self.record_id = RecordIds(key, job.source_name, job.deid.algorithm_version)
        self._deidentifier = Deidentifier(job.deid, key)
        self._deidentifier(np.zeros((2, 2, job.channels), np.uint8), "start")  # Loads the kernels.
        serialize_example("start", b"", None)  # Loads the code of records.

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
    """Returns the record that TFDS would write for `make_features`."""
    features: dict[str, bytes | int] = {"id": record_id.encode(), "image": png}
    if label is not None:
        features["label"] = label
    return serialize(features)


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
    seen = _Seen(worker.record_id, task.split)
    examples = seen.noted(_timed(worker.source.read(task.split, task.start, task.stop), clock))
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
    path = job.workplace / task.file_name
    with write_errors(f"the shard {path}"), clock.stage("write"):
        file_bytes, crc = _write_file(path, [record for _, record in records], job.file_format)
    report = ShardReport(
        file_name=task.file_name,
        identity=task.identity,
        split=task.output_split,
        read=len(records) + len(failures),
        written=len(records),
        record_bytes=sum(len(record) for _, record in records),
        file_bytes=file_bytes,
        crc32c=crc,
        failures=tuple(sorted(failures)),
        seconds={stage: round(clock.seconds[stage], 3) for stage in STAGES},
        source_digest=seen.digest(),
        several_pictures=seen.several,
    )
    with write_errors(f"the shard {path}"):
        write_text(job.workplace / REPORTS / f"{task.file_name}.json", report.to_json())
    return report


class _Seen:
    """What a shard is made of, noted as it goes by."""

    def __init__(self, record_id: RecordIds, split: str):
        self._record_id, self._split = record_id, split
        self._digests: dict[str, bytes] = {}
        self.several = 0

    def noted(self, examples: Iterable[Example]) -> Iterator[Example]:
        for example in examples:
            self._digests[self._record_id(self._split, example)] = digest(example)
            self.several += isinstance(example.image, bytes) and holds_several(example.image)
            yield example

    def digest(self) -> str:
        return digest_of_all(self._record_id.key, self._digests)


def find_changed(job: Job, tasks: list[ShardTask], reports: dict[str, ShardReport], source: Source, key: Key) -> set[str]:
    """Returns the file names of shards whose images or labels are others in the source now than when they were made.

    This reads the source, but decodes nothing. A remote one is not read for this: there its version has to do.
    """
    made = [task for task in tasks if task.file_name in reports]
    if source.is_remote or not made:
        return set()
    record_id = RecordIds(key, job.source_name, job.deid.algorithm_version)
    images = sum(task.stop - task.start for task in made)
    with tqdm(total=images, unit="image", desc="comparing with the source", leave=False, disable=None) as bar:

        def changed(tasks: list[ShardTask]) -> list[str]:
            """Returns the names of those shards that have changed, of some whose examples follow each other."""
            examples, names = source.read(tasks[0].split, tasks[0].start, tasks[-1].stop), []
            for task in tasks:
                some = itertools.islice(examples, task.stop - task.start)
                digests = {record_id(task.split, example): digest(example) for example in some}
                bar.update(task.stop - task.start)
                if digest_of_all(key, digests) != reports[task.file_name].source_digest:
                    names.append(task.file_name)
            return names

        return set(itertools.chain.from_iterable(parallel_map(changed, _stretches(made))))


def _stretches(tasks: Iterable[ShardTask]) -> list[list[ShardTask]]:
    """Returns shards whose examples follow each other, together: to begin to read takes longer than to read a small shard."""
    stretches: list[list[ShardTask]] = []
    for task in sorted(tasks, key=lambda task: (task.split, task.start)):
        before = stretches[-1] if stretches else []
        follows = before and (before[-1].split, before[-1].stop) == (task.split, task.start)
        if follows and task.stop - before[0].start <= _STRETCH:
            before.append(task)
        else:
            stretches.append([task])
    return stretches


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
    local, mode = _new_file(path)
    with contextlib.ExitStack() as leftovers:
        leftovers.callback(local.unlink, missing_ok=True)
        _write_records(os.fspath(local), records, file_format)
        file_bytes, crc = local.stat().st_size, crc32c(epath.Path(local))
        if "://" not in os.fspath(path):
            with open(local, "rb+") as file:
                os.fsync(file.fileno())  # On disk before it has its name.
            local.chmod(mode)
            local.replace(os.fspath(path))
        else:
            copy = path.parent / local.name
            leftovers.callback(copy.unlink, missing_ok=True)
            copy.write_bytes(local.read_bytes())
            copy.replace(path)
    return file_bytes, crc


def _new_file(path: epath.Path) -> tuple[pathlib.Path, int]:
    """Makes an empty local file to write a shard into, for its owner alone, beside where a local one will be.

    Returns:
      The file, and the mode that any new file of this user has: what it gets once it is whole.
    """
    if "://" in os.fspath(path):
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.incomplete-")
        os.close(handle)
        return pathlib.Path(name), 0o600
    local = pathlib.Path(f"{os.fspath(path)}.incomplete-{secrets.token_hex(4)}")
    # The system applies the umask. A process that asked for it would change it for all its threads.
    descriptor = os.open(local, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return local, mode


def _write_records(name: str, records: Iterable[bytes], file_format: str) -> None:
    if file_format == "array_record":
        from array_record.python import array_record_module  # Late: there are none but on Linux.

        # One record a group: TFDS asks for that, since readers then fetch a single record without decoding its neighbours.
        writer = array_record_module.ArrayRecordWriter(name, "group_size:1")
        for record in records:
            writer.write(record)
        writer.close()
        return
    write_records(name, records)


def finish_dataset(job: Job, tasks: list[ShardTask], max_failed_ratio: float) -> bool:
    """Makes the shards a dataset if every one is there and few enough images failed; returns whether it did.

    Without metadata no reader takes the folder for a dataset. What the new dataset replaces stays until then. A call that was
    interrupted is ended by the next.
    """
    if job.replaces and not job.workplace.exists() and read_facts(job.directory).get("identity") == run_identity(tasks):
        return True
    with write_errors(f"the metadata of {job.directory}"):
        if not (job.replaces and is_whole(job)) and not _write_metadata(job, tasks, max_failed_ratio):
            return False
        if job.replaces:
            put_in_place(job)
    return True


def _write_metadata(job: Job, tasks: list[ShardTask], max_failed_ratio: float) -> bool:
    reports = read_reports(job.workplace)
    missing = [task for task in tasks if task.file_name not in reports or reports[task.file_name].identity != task.identity]
    if missing:
        raise DeidError(f"{len(missing)} of {len(tasks)} shards are missing in {job.workplace}. Run again with --mode=resume.")
    counts = total(reports[task.file_name] for task in tasks)
    if counts["failed"] > max_failed_ratio * counts["read"]:
        return False
    # What workers left that were killed while they wrote, and what an earlier try with other shards has left.
    names = [task.file_name for task in tasks]
    remove_ours(job.workplace, job.dataset, keep=[*names, *(f"{REPORTS}/{name}.json" for name in names)])
    splits: dict[str, tuple[list[int], int]] = {}
    for task in tasks:
        report = reports[task.file_name]
        lengths, size = splits.get(task.output_split, ([], 0))
        splits[task.output_split] = ([*lengths, report.written], size + report.record_bytes)
    renamed = {task.output_split: task.split for task in tasks if task.output_split != task.split}
    write_metadata(
        job.workplace,
        dataset=job.dataset,
        config=job.deid.name,
        description=f"{job.source_name} de-identified by the scheme {job.deid.scheme}.",
        features=make_features(job.deid.output_size, job.channels, job.label_names),
        file_format=job.file_format,
        splits=splits,
        facts={
            **job.facts(),
            **({"source_splits": renamed} if renamed else {}),
            "identity": run_identity(tasks),
            **{name: counts[name] for name in ("read", "written", "failed")},
        },
    )
    return True


def total(reports: Iterable[ShardReport]) -> dict[str, Any]:
    """Returns the sums over shards: read, written, failed, bytes, and seconds of each stage."""
    sums: dict[str, Any] = {name: 0 for name in ("read", "written", "failed", "bytes", "several")}
    sums["seconds"] = dict.fromkeys(STAGES, 0.0)
    for report in reports:
        sums["read"] += report.read
        sums["written"] += report.written
        sums["failed"] += len(report.failures)
        sums["bytes"] += report.file_bytes
        sums["several"] += report.several_pictures
        for stage, seconds in report.seconds.items():
            sums["seconds"][stage] += seconds
    return sums
