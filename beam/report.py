"""What a run says to the person who started it, and the owner's list of images that failed."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator
from typing import Any

from etils import epath

from beam.job import Job, ShardTask
from beam.shards import STAGES, Clock, StageError, get_worker
from tfdeid.commandline import command
from tfdeid.data.metadata import is_complete
from tfdeid.data.naming import class_names, renamed, split_names
from tfdeid.data.shard_report import ShardReport
from tfdeid.data.sources import Source
from tfdeid.errors import DeidError, warn
from tfdeid.files import write_text
from tfdeid.paths import default_data_dir

_FAILED_STEP = " [while running"  # So Beam begins what it appends to an error's message.


def beginning(
    job: Job, source: Source, tasks: list[ShardTask], todo: list[ShardTask], runner: str, beam_argv: list[str]
) -> str:
    """Returns what is about to be done."""
    sizes = ", ".join(f"{split} {size:,}" for split, size in source.splits.items())
    lines = [f"{job.source_name} ({sizes}) -> {job.directory}", *source.notes, *_renamed(job, source)]
    if job.replaces:
        lines.append(f"the dataset that is there stays until the new one is whole, which is put together in {job.workplace}")
    if len(todo) < len(tasks):
        lines.append(f"resuming: {len(tasks) - len(todo)} of {len(tasks)} shards are there already")
    if runner == "DirectRunner":
        lines.append("runner: FnApiRunner (DirectRunner, without its attempt to download another one)")
        cores = os.cpu_count() or 1
        if cores > 1 and len(todo) > 4 and not any(argument.startswith("--direct_num_workers") for argument in beam_argv):
            lines.append(f"one worker; --direct_running_mode=multi_processing --direct_num_workers=0 uses all {cores} cores")
    if cost := job.deid.scheme_class.cost(job.deid, sum(task.stop - task.start for task in todo)):
        lines.append(cost)
    return "\n".join(lines)


def _renamed(job: Job, source: Source) -> list[str]:
    """Returns what to say of splits and classes whose names TFDS could not read."""
    splits = renamed(split_names(source.splits))
    classes = renamed(dict(zip(job.label_names or (), class_names(job.label_names or ()), strict=True)))
    named = {"splits": splits, "classes": classes}
    return [f"{kind} have names in the dataset that TFDS can read: {names}" for kind, names in named.items() if names]


def already_complete(job: Job, failures: Failures | None) -> str:
    lines = [f"already complete: {job.directory} (key fingerprint {job.fingerprint})."]
    return "\n".join([*lines, *_failed(failures), f"read it with: {reading_command(job)}"])


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
        *_renamed(job, source),
    ]
    if counts["several"]:
        lines.append(f"{counts['several']:,} image files hold several frames or pages, of which the first was taken")
    if made["read"]:
        stages = ", ".join(f"{stage} {1000 * made['seconds'][stage] / made['read']:.2f}" for stage in STAGES[1:])
        lines.append(f"{seconds:.1f} s, {rate:,.0f} images/s with start-up ({made['seconds']['start']:.1f} s in all workers)")
        lines.append(f"ms an image: {stages}")
    lines += [f"output: {job.directory} ({counts['bytes'] / 1e6:,.1f} MB)", f"key fingerprint: {job.fingerprint}"]
    lines += _failed(failures)
    lines += [f"warning: {said}" for said in job.deid.scheme_class.warnings(job.deid)]
    if complete:
        lines.append(f"next: {reading_command(job)}")
    else:
        lines.append(
            "the dataset is withheld: more images failed than --max_failed_ratio allows. Mend the source and run again with "
            "--mode=overwrite, or accept the failures with --mode=resume and a larger --max_failed_ratio."
        )
        if job.replaces:
            lines.append(f"the dataset that was in {job.directory} is still there; the new one's shards are in {job.workplace}")
    return "\n".join(lines)


def _failed(failures: Failures | None) -> list[str]:
    """Returns what to say of images that failed."""
    if failures is None:
        return []
    lines = [f"images that failed: {failures.path} (yours alone; the dataset names them by hashed id only)"]
    if failures.reason is not None:
        lines.append(f"most often, {failures.count:,} times, in {failures.stage}: {failures.reason}")
    return lines


def not_run(job: Job, missing: int, count: int) -> str:
    """Returns what to say of a job that was described or given up, but not run to its end."""
    return f"not run to its end: {missing} of {count} shards of {job.directory} are still to be made."


def reading_command(job: Job) -> str:
    """Returns a shell command that reads the dataset."""
    # Where a variable says what TFDS's own directory is, another shell may not have it.
    is_default = not os.environ.get("TFDS_DATA_DIR") and job.output_dir == _default_data_dir()
    where = "" if is_default else f", data_dir={job.output_dir!r}"
    function = "data_source" if job.file_format == "array_record" else "load"
    call = f'tfdeid.{function}("{job.dataset}/{job.deid.name}"{where})'
    return command("python", "-c", f"import tfdeid; print({call})")


def _default_data_dir() -> str | None:
    try:
        return str(default_data_dir())
    except DeidError:  # There is no home.
        return None


def how_to_resume(job: Job) -> str:
    kept = f"Finished shards are kept in {job.workplace}; the same command with --mode=resume goes on."
    stays = job.replaces and is_complete(job.directory)
    return f"{kept} Until then the dataset in {job.directory} stays as it was." if stays else kept


def reason_in(error: BaseException) -> str | None:
    """Returns the message of the DeidError that a worker raised, which runners wrap in tracebacks; None if there is none."""
    if isinstance(error, DeidError):
        return str(error).split(_FAILED_STEP)[0]
    reasons = re.findall(r"^(?:\w+: )?[\w.]*(?:DeidError|ImageError|StageError): (.+)", str(error), re.MULTILINE)
    return reasons[-1].split(_FAILED_STEP)[0] if reasons else None


def owner_file(job: Job, folder: str, suffix: str) -> pathlib.Path:
    """Returns a path for what must not lie beside the dataset, since it tells of the source. Each output has its own.

    Raises:
      OSError: the home can't be written.
    """
    try:
        state = pathlib.Path(os.environ.get("XDG_STATE_HOME") or pathlib.Path.home() / ".local" / "state")
    except RuntimeError as error:  # A user without an entry, and without HOME.
        raise OSError(str(error)) from error
    place = job.output_dir if "://" in job.output_dir else os.path.realpath(job.output_dir)
    output = hashlib.sha256(place.encode()).hexdigest()[:8]
    path = state / "tfdeid" / folder / f"{job.dataset}-{job.deid.name}-{job.fingerprint}-{output}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def log_file(job: Job) -> str:
    """Returns where the workers' words go; nowhere, which is said, if the home can't be written."""
    try:
        path = owner_file(job, "logs", ".log")
        path.touch(0o600)
    except OSError as error:
        warn(f"there is no log of the workers: {error}. XDG_STATE_HOME may name a folder for it.")
        return os.devnull
    return str(path)


@dataclasses.dataclass(frozen=True)
class Failures:
    """Where the owner's list of failed images lies, and the most frequent reason in it, where it was written anew."""

    path: str
    stage: str | None = None
    reason: str | None = None
    count: int = 0


def list_failures(
    job: Job, tasks: list[ShardTask], source: Source, reports: dict[str, ShardReport], keep: bool = False
) -> Failures | None:
    """Writes the list of failed images where only the owner can read it; None if none failed.

    Args:
      job: the run.
      tasks: all its shards.
      source: what they are made of.
      reports: what became of them, by file name.
      keep: a list that is there is not written again.
    """
    failed = {task: dict(reports[task.file_name].failures) for task in tasks if task.file_name in reports}
    path = None
    with contextlib.suppress(OSError):
        path = owner_file(job, "failures", ".jsonl")
        if not any(failed.values()):
            path.unlink(missing_ok=True)  # Of a run before this one.
    if not any(failed.values()):
        return None
    if keep and path is not None and path.exists():
        return Failures(str(path))
    entries = [*_failures(job, failed, source)]
    reasons = collections.Counter((entry["stage"], entry["error"]) for entry in entries)
    text = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    written = Failures(_write_for_owner(path, text))
    for (stage, reason), count in reasons.most_common(1):
        return dataclasses.replace(written, stage=stage, reason=reason, count=count)
    return written


def _failures(job: Job, failed: dict[ShardTask, dict[str, str]], source: Source) -> Iterator[dict[str, Any]]:
    """Yields an entry for each failed image.

    The dataset holds nothing but hashed ids. The key holder finds the images again by hashing the source's ids, and learns the
    reason by trying them once more.
    """
    worker = get_worker(job)
    for task, stages in failed.items():
        for example in source.read(task.split, task.start, task.stop) if stages else ():
            record_id = worker.record_id(task.split, example)
            if record_id not in stages:
                continue
            try:
                worker.deidentify(worker.prepare(example, Clock()), record_id, Clock())
                reason = "succeeded when tried again"
            except StageError as error:
                reason = str(error.__cause__)
            entry = {"id": record_id, "split": task.split, "source_id": example.source_id, "index": example.index}
            yield {**entry, "stage": stages[record_id], "error": reason}


def _write_for_owner(path: pathlib.Path | None, text: str) -> str:
    """Writes a text that only its owner can read, to a temporary file where the path can't be written; returns where it is."""
    with contextlib.suppress(OSError):
        if path is not None:
            write_text(epath.Path(path), text, private=True)
            return str(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix="tfdeid-failures-", suffix=".jsonl")
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except OSError as error:
        return f"no list of them could be written: {error}"
    return name
