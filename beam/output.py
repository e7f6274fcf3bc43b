"""What lies in the output's folder already, and how a new dataset takes an old one's place. Only files of ours are touched."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import re
from collections.abc import Callable, Collection, Iterator

from etils import epath

from beam.job import Job, ShardTask, run_identity
from tfdeid.data.metadata import LAST_FILE, METADATA_FILES, is_complete, read_facts, withdraw
from tfdeid.data.shard_report import AT_ONCE, REPORTS, ShardReport, read_reports
from tfdeid.errors import DeidError, reason, warn
from tfdeid.files import storage_errors, write_text

FindChanged = Callable[[dict[str, ShardReport]], set[str]]
# All that a whole new dataset consists of, so that a swap that was interrupted is ended as it began.
_CONTENTS = ".contents"


@contextlib.contextmanager
def write_errors(what: str, consequence: str = "Nothing half-written is left.") -> Iterator[None]:
    """Turns what goes wrong with a disk or a remote store into one clear error."""
    try:
        yield
    except storage_errors() as error:
        raise DeidError(f"{what} can't be written: {reason(error)}. {consequence}") from error


def decide(
    job: Job, tasks: list[ShardTask], mode: str, changes: bool, find_changed: FindChanged
) -> tuple[Job, list[ShardTask] | None, dict[str, ShardReport]]:
    """Decides, by what lies in the output's folder, what is to be done.

    A finished dataset stays where it is, and can be read, until the one that overwrites it is whole.

    Args:
      job: what was asked for.
      tasks: all its shards.
      mode: fail, resume or overwrite.
      changes: what is not to count any more is removed; False where the job is only described.
      find_changed: tells of finished shards which are not what the source would give now.

    Returns:
      The job, which knows now whether it replaces a dataset; the shards still to be made, None if the dataset is complete; and
      what became of those that are there, by file name.

    Raises:
      DeidError: the mode forbids what lies there.
    """
    replacing = dataclasses.replace(job, replaces=True)
    with write_errors(str(job.directory), "Choose another --output_dir."):
        if changes and is_whole(replacing):
            warn(f"an overwrite of {job.directory} that was interrupted is being ended.")
            put_in_place(replacing)
        names = [path.name for path in job.directory.iterdir()] if job.directory.exists() else []
        if names and not any(_is_ours(job.dataset, name) for name in names):
            raise DeidError(
                f"{job.directory} holds files that are not of this tool, as {names[0]!r}. Move them away, or choose another "
                "--output_dir."
            )
        if mode == "overwrite":
            return _overwrite(job, replacing, changes), tasks, {}
        facts = read_facts(job.directory) if is_complete(job.directory) else None
        begun = read_reports(replacing.workplace)
        if begun and _all_of(tasks, begun) and (mode == "resume" or facts is None or not _is_same(facts, tasks)):
            if mode == "fail":
                raise DeidError(
                    f"the dataset in {job.directory} is being overwritten, and {len(begun)} of {len(tasks)} new shards are "
                    "there. --mode=resume goes on, --mode=overwrite begins anew."
                )
            return replacing, _to_make(tasks, begun, find_changed(begun)), begun
        if begun:
            warn(
                f"an overwrite was interrupted: {replacing.workplace} holds {len(begun)} shards of it. --mode=overwrite begins "
                "anew."
            )
        if facts is not None and not _is_same(facts, tasks):
            raise DeidError(
                f"{job.directory} holds a complete dataset {_difference(job, facts)}. Use another --name, or --mode=overwrite."
            )
        reports = read_reports(job.directory)
        return job, _missing(job, tasks, mode, reports, facts is not None, changes, find_changed), reports


def _overwrite(job: Job, replacing: Job, changes: bool) -> Job:
    """Removes what is in the way of a new dataset; returns the job, told whether there is one to replace."""
    replaces = is_complete(job.directory)
    if changes:
        replacing.workplace.rmtree(missing_ok=True)
        if not replaces:
            remove_ours(job.directory, job.dataset)
    # A job that is only described may run when there is a dataset.
    return replacing if replaces or not changes else job


def _missing(
    job: Job,
    tasks: list[ShardTask],
    mode: str,
    reports: dict[str, ShardReport],
    complete: bool,
    changes: bool,
    find_changed: FindChanged,
) -> list[ShardTask] | None:
    """Returns the shards that the folder lacks, or that are of other images than the source's; None if it is complete."""
    changed = find_changed(reports) if _all_of(tasks, reports) else set()
    if complete and not _to_make(tasks, reports, changed):
        return None
    if not _all_of(tasks, reports):
        raise DeidError(
            f"{job.directory} holds part of a dataset of another key, configuration or source. Use another --name, or "
            "--mode=overwrite."
        )
    if mode == "fail" and changed:
        raise DeidError(
            f"{job.directory}: {len(changed)} of {len(tasks)} shards are of images or labels that have changed in the source "
            "since. --mode=resume makes these again, --mode=overwrite all."
        )
    if mode == "fail" and (reports or any(_is_ours(job.dataset, name) for name in _names(job.directory))):
        raise DeidError(
            f"{job.directory} holds part of this dataset ({len(reports)} of {len(tasks)} shards). --mode=resume goes on, "
            "--mode=overwrite begins anew."
        )
    if changes:
        withdraw(job.directory)  # Where a shard is gone from what was complete, no reader should meet the gap.
    return _to_make(tasks, reports, changed)


def _to_make(tasks: list[ShardTask], reports: dict[str, ShardReport], changed: set[str]) -> list[ShardTask]:
    return [task for task in tasks if task.file_name not in reports or task.file_name in changed]


def _all_of(tasks: list[ShardTask], reports: dict[str, ShardReport]) -> bool:
    identities = {task.file_name: task.identity for task in tasks}
    return all(identities.get(name) == report.identity for name, report in reports.items())


def _is_same(facts: dict[str, object], tasks: list[ShardTask]) -> bool:
    return facts.get("identity") == run_identity(tasks)


def _difference(job: Job, facts: dict[str, object]) -> str:
    """Says in what the dataset that exists differs from the one that was asked for."""
    asked = job.facts()
    names = [name for name in asked if facts.get(name) != asked[name]]
    if names == ["key_fingerprint"]:
        return f"of another key (fingerprint {facts.get('key_fingerprint')}, not {job.fingerprint})"
    if names == ["algorithm_version"] or (names and facts.get("algorithm_version") != asked["algorithm_version"]):
        return (
            f"that an earlier version of this program made (algorithm {facts.get('algorithm_version')}, now "
            f"{asked['algorithm_version']}). It can be used, and verified, as it is"
        )
    return f"of another identity (it differs in: {', '.join(names) or 'its shards'})"


def is_whole(job: Job) -> bool:
    """Tells whether a new dataset is ready to be put in its place, or is on its way there."""
    return is_complete(job.workplace) or (job.workplace / _CONTENTS).exists()


def put_in_place(job: Job) -> None:
    """Moves a whole new dataset to where the old one is; whoever is killed in between leaves what this ends when called again.

    Readers find the old dataset before, none in between, and the new one after that.
    """
    new, old = job.workplace, job.directory
    contents = new / _CONTENTS
    if not contents.exists():
        names = [*_names(new), *(f"{REPORTS}/{name}" for name in _names(new / REPORTS))]
        write_text(contents, json.dumps([name for name in names if name != REPORTS and ".incomplete-" not in name]))
    names = json.loads(contents.read_text())
    if is_complete(new):
        withdraw(old)
        remove_ours(old, job.dataset, keep=names)
        _move(names, new, old)
    new.rmtree()


def _move(names: list[str], new: epath.Path, old: epath.Path) -> None:
    (old / REPORTS).mkdir(parents=True, exist_ok=True)
    left = {*_names(new), *(f"{REPORTS}/{name}" for name in _names(new / REPORTS))}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        moves = pool.map(lambda name: (new / name).replace(old / name), (left & {*names}) - {LAST_FILE})
        for _ in moves:  # So that an error in one of them is raised.
            pass
    (new / LAST_FILE).replace(old / LAST_FILE)


def _names(folder: epath.Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def remove_ours(directory: epath.Path, dataset: str, keep: Collection[str] = ()) -> None:
    """Removes this dataset's files, but for those to keep (paths in the directory). What a user has put there stays."""
    kept = {*keep}
    withdraw(directory)
    for prefix in ("", f"{REPORTS}/"):
        for name in _names(directory / prefix):
            path = directory / prefix / name
            if _is_ours(dataset, name) and name != REPORTS and prefix + name not in kept:
                path.rmtree() if path.is_dir() else path.unlink(missing_ok=True)


def _is_ours(dataset: str, name: str) -> bool:
    """Tells whether a file in a dataset's folder, or in that of its reports, is one that this tool puts there."""
    shard = rf"\.?{re.escape(dataset)}-.+\.(tfrecord|array_record)-\d{{5,}}-of-\d{{5,}}(\.json)?(\.incomplete-\w+)?"
    return name in (REPORTS, *METADATA_FILES) or re.fullmatch(shard, name, re.DOTALL) is not None
