"""What a run says to the person who started it, and the owner's list of images that failed."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import pathlib
import re
import shlex
from typing import Any

from beam.job import Job, ShardTask
from beam.shards import STAGES, Clock, StageError, get_worker
from tfdeid.data.shard_report import ShardReport
from tfdeid.data.sources import Source
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.key import Key

_FAILED_STEP = " [while running"  # So Beam begins what it appends to an error's message.


def beginning(
    job: Job, source: Source, tasks: list[ShardTask], todo: list[ShardTask], runner: str, beam_argv: list[str]
) -> str:
    """Returns what is about to be done."""
    sizes = ", ".join(f"{split} {size:,}" for split, size in source.splits.items())
    lines = [f"{job.source_name} ({sizes}) -> {job.directory}", *source.notes]
    if len(todo) < len(tasks):
        lines.append(f"resuming: {len(tasks) - len(todo)} of {len(tasks)} shards are there already")
    if runner == "DirectRunner":
        lines.append("runner: FnApiRunner (DirectRunner, without its attempt to download another one)")
        cores = os.cpu_count() or 1
        if cores > 1 and len(todo) > 4 and not any(argument.startswith("--direct_num_workers") for argument in beam_argv):
            lines.append(f"one worker; --direct_running_mode=multi_processing --direct_num_workers=0 uses all {cores} cores")
    if job.deid.scheme == "structural" and job.deid.key_scope != "dataset":
        lines.append(_cost_of_tables(job.deid, sum(task.stop - task.start for task in todo)))
    return "\n".join(lines)


def _cost_of_tables(deid: DeidConfig, images: int) -> str:
    """Returns what the tables of a key scope will take, which in the paper's method is one table."""
    from tfdeid.schemes.structural.scheme import table_seconds

    each = table_seconds(deid)
    if deid.pool_size is None:
        what = f"a table for each image, about {1000 * each:.0f} ms each: {_duration(images * each)} more of one core in all"
    else:
        tables = min(deid.pool_size, images)
        what = f"up to {tables} tables, about {1000 * each:.0f} ms each: {_duration(tables * each)} more in each worker process"
    return f"key_scope {deid.key_scope}: {what} (an estimate, measured on one cloud core in 2026-11; yours will differ)"


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.1f} s"


def already_complete(job: Job) -> str:
    return f"already complete: {job.directory} (key fingerprint {job.fingerprint}).\nread it with: {reading_command(job)}"


def summary(
    job: Job,
    source: Source,
    counts: dict[str, Any],
    made: dict[str, Any],
    seconds: float,
    failures: Failures | None,
    complete: bool,
) -> str:
    """Returns the closing words: counts, rate, where things are, and the next command."""
    rate = made["read"] / seconds if seconds > 0 else 0.0
    lines = [
        "",
        f"read {counts['read']:,} = written {counts['written']:,} + failed {counts['failed']:,}",
        *source.notes,
    ]
    if made["read"]:
        stages = ", ".join(f"{stage} {1000 * made['seconds'][stage] / made['read']:.2f}" for stage in STAGES[1:])
        lines.append(f"{seconds:.1f} s, {rate:,.0f} images/s with start-up ({made['seconds']['start']:.1f} s in all workers)")
        lines.append(f"ms an image: {stages}")
    lines += [f"output: {job.directory} ({counts['bytes'] / 1e6:,.1f} MB)", f"key fingerprint: {job.fingerprint}"]
    if failures is not None:
        lines.append(f"images that failed: {failures.path} (yours alone; the dataset names them by hashed id only)")
        lines.append(f"most often, {failures.count:,} times, in {failures.stage}: {failures.reason}")
    if complete:
        lines.append(f"next: {reading_command(job)}")
    else:
        lines.append(
            "the dataset is withheld: more images failed than --max_failed_ratio allows. Mend the source and run again with "
            "--mode=overwrite, or accept the failures with --mode=resume and a larger --max_failed_ratio."
        )
    return "\n".join(lines)


def not_run(job: Job, missing: int, count: int) -> str:
    """Returns what to say of a job that was described or given up, but not run to its end."""
    return f"not run to its end: {missing} of {count} shards of {job.directory} are still to be made."


def reading_command(job: Job) -> str:
    """Returns a shell command that reads the dataset."""
    import tensorflow_datasets as tfds

    where = "" if job.output_dir == str(tfds.core.constants.DATA_DIR) else f", data_dir={job.output_dir!r}"
    function = "data_source" if job.file_format == "array_record" else "load"
    call = f'tfdeid.{function}("{job.dataset}/{job.deid.name}"{where})'
    return f"python -c {shlex.quote(f'import tfdeid; print({call})')}"


def how_to_resume(job: Job) -> str:
    return f"Finished shards are kept in {job.directory}; the same command with --mode=resume goes on."


def reason_in(error: BaseException) -> str | None:
    """Returns the message of the DeidError that a worker raised, which runners wrap in tracebacks; None if there is none."""
    if isinstance(error, DeidError):
        return str(error).split(_FAILED_STEP)[0]
    found = re.findall(r"^(?:\w+: )?[\w.]*(?:DeidError|ImageError|StageError): (.+)", str(error), re.MULTILINE)
    return found[-1].split(_FAILED_STEP)[0] if found else None


def owner_file(job: Job, folder: str, suffix: str) -> pathlib.Path:
    """Returns a path for what must not lie beside the dataset, since it tells of the source."""
    state = os.environ.get("XDG_STATE_HOME") or pathlib.Path.home() / ".local" / "state"
    path = pathlib.Path(state) / "tfdeid" / folder / f"{job.dataset}-{job.deid.name}-{job.fingerprint}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@dataclasses.dataclass(frozen=True)
class Failures:
    """Where the owner's list of failed images lies, and the most frequent reason in it."""

    path: pathlib.Path
    stage: str
    reason: str
    count: int


def write_failures(job: Job, tasks: list[ShardTask], reports: dict[str, ShardReport], source: Source, key: Key) -> Failures:
    """Writes the readable list of failed images, a JSON object a line, where only the owner can read it.

    The dataset holds nothing but hashed ids. The key holder finds the images again by hashing the source's ids, and learns the
    reason by trying them once more.
    """
    path = owner_file(job, "failures", ".jsonl")
    worker = get_worker(job)
    reasons: collections.Counter[tuple[str, str]] = collections.Counter()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        for task in tasks:
            failed = dict(reports[task.file_name].failures)
            if not failed:
                continue
            for example in source.read(task.split, task.start, task.stop):
                record_id = worker.record_id(task.split, example)
                if record_id not in failed:
                    continue
                try:
                    worker.deidentify(worker.prepare(example, Clock()), record_id, Clock())
                    reason = "succeeded when tried again"
                except StageError as error:
                    reason = str(error.__cause__)
                reasons[failed[record_id], reason] += 1
                entry = {
                    "id": record_id,
                    "split": task.split,
                    "source_id": example.source_id,
                    "stage": failed[record_id],
                    "error": reason,
                }
                file.write(json.dumps(entry) + "\n")
    (((stage, reason), count),) = reasons.most_common(1)
    return Failures(path, stage, reason, count)
