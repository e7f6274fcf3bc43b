"""`python -m beam.deid`: de-identifies a TFDS dataset, images in folders or files or the bundled sample, on any Beam runner."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence

import numpy as np

from beam import options, report
from beam.job import Job, ShardTask, plan_shards
from beam.options import RunOptions
from beam.output import decide, write_errors
from beam.progress import Progress
from beam.shards import find_changed, finish_dataset, total
from tfdeid.commandline import absolute, absolute_key
from tfdeid.data.metadata import is_complete, name_default_config
from tfdeid.data.naming import dataset_name
from tfdeid.data.shard_report import read_reports
from tfdeid.data.sources import Source, SourceConfig, absolute_dataset, open_source
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, reason, warn
from tfdeid.files import lock, storage_errors
from tfdeid.key import Key
from tfdeid.paths import check_utf8, default_data_dir, folder_path
from tfdeid.redaction import shown
from tfdeid.terminal import divert_stderr, run_command


def run(argv: Sequence[str] | None = None, program: str = "python -m beam.deid") -> int:
    """Runs the pipeline and waits for it.

    Args:
      argv: the command line's arguments; None for those of the process.
      program: what is typed to run the command.

    Returns:
      0 if the dataset is complete, 1 if too many images failed.

    Raises:
      DeidError: something that the user can mend, before any work has started or with all finished shards kept.
    """
    run_options, source_config, deid, beam_argv = options.parse(argv, program)
    runner = options.runner_name(beam_argv)
    is_local = runner in options.LOCAL_RUNNERS
    if not is_local:
        logging.getLogger().setLevel(logging.INFO)  # A service tells there how the job fares.
        logging.getLogger("apache_beam.typehints").setLevel(logging.WARNING)
    key, key_reference = _load_key(run_options, is_local)
    source_config = _from_everywhere(source_config)
    with _remote_errors():
        source = open_source(source_config)
        job = _make_job(run_options, source_config, source, deid, key, key_reference)
        tasks = plan_shards(job, source, key, run_options.num_shards)
    deidentifier = Deidentifier(deid, key)  # Whatever it refuses or warns of should be known before the work starts.
    for said in deid.scheme_class.warnings(deid):
        warn(said)
    with _only_launch(job):
        with _remote_errors():
            changes = not _only_describes(runner, beam_argv)
            job, todo, reports = decide(
                job, tasks, run_options.mode, changes, lambda reports: find_changed(job, tasks, reports, source, key)
            )
        if todo is None:  # The dataset is complete.
            with _remote_errors(), write_errors(str(job.directory)):
                name_default_config(job.directory.parent.parent, job.deid.name)
            print(report.already_complete(job, report.list_failures(job, tasks, source, reports, keep=True)))
            return 0
        print(report.beginning(job, source, tasks, todo, runner, beam_argv), flush=True)
        if is_local:
            _compile_kernels(deidentifier, job.channels, beam_argv)
        started = time.monotonic()
        _run_pipeline(job, tasks, todo, run_options.max_failed_ratio, beam_argv, runner, is_local)
        seconds = time.monotonic() - started
    if not job.workplace.exists():  # What was put together there is in its place now.
        job = dataclasses.replace(job, replaces=False)
    reports = read_reports(job.workplace)
    if missing := sum(task.file_name not in reports for task in tasks):
        print(report.not_run(job, missing, len(tasks)))
        return 0 if _only_describes(runner, beam_argv) else 1
    counts = total(reports[task.file_name] for task in tasks)
    made = total(reports[task.file_name] for task in todo)
    failures = report.list_failures(job, tasks, source, reports)
    print(report.summary(job, source, counts, made, seconds, failures, complete=is_complete(job.workplace)))
    return 0 if is_complete(job.workplace) else 1


def _run_pipeline(
    job: Job,
    tasks: list[ShardTask],
    todo: list[ShardTask],
    max_failed_ratio: float,
    beam_argv: list[str],
    runner: str,
    is_local: bool,
) -> None:
    """Runs the steps to their end; a DeidError in a worker comes out as one that says how to go on."""
    import apache_beam  # Late: Beam takes a second.
    from apache_beam.options.pipeline_options import PipelineOptions  # Late: Beam takes a second.
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner  # Late: Beam takes a second.

    from beam import pipeline as steps  # Late: Beam takes a second.

    if not todo:  # All shards are there and only the metadata is missing: no runner is needed for that.
        finish_dataset(job, tasks, max_failed_ratio)
        return
    try:
        pipeline = apache_beam.Pipeline(
            # DirectRunner would first try to download another runner; this is the one it falls back to.
            runner=FnApiRunner() if runner in ("DirectRunner", "FnApiRunner") else None,
            options=PipelineOptions(beam_argv),
        )
    except ValueError as error:  # Beam has checked the options of the runner together.
        raise DeidError(f"{runner} can't be started: {' '.join(str(error).split())}") from error
    steps.build(pipeline, job, tasks, todo, max_failed_ratio)
    log = report.log_file(job)
    quietly = divert_stderr(log) if is_local else contextlib.nullcontext()
    with quietly, _threads_that_fail_are_logged(), Progress(job, todo, enabled=is_local):
        try:
            pipeline.run().wait_until_finish()
        except KeyboardInterrupt:
            raise DeidError(f"interrupted. {report.how_to_resume(job)}") from None
        except Exception as error:
            said = report.reason_in(error) or _lost_worker(error)
            if said is None:  # Not a mistake that the user can mend: the traceback is what is wanted.
                print(f"{report.how_to_resume(job)} The workers' log: {log}", file=sys.stderr)
                raise
            raise DeidError(f"{said} {report.how_to_resume(job)}") from error


def _only_describes(runner: str, beam_argv: list[str]) -> bool:
    """Tells whether Dataflow was asked for the job's description, and not to run it."""
    if runner != "DataflowRunner":
        return False
    from apache_beam.options.pipeline_options import (
        GoogleCloudOptions,
        PipelineOptions,
        TestOptions,
    )  # Late: Beam takes a second.

    asked = PipelineOptions(beam_argv)
    return bool(asked.view_as(TestOptions).dry_run or asked.view_as(GoogleCloudOptions).template_location)


def _lost_worker(error: Exception) -> str | None:
    """Returns what to say if a worker process of a local runner is gone; None if it is something else that went wrong."""
    if not any(sign in str(error) for sign in ("Channel closed prematurely", "Worker subprocess exited")):
        return None
    return (
        "a worker process ended in the middle of its work: it was killed, or memory ran out (give fewer --direct_num_workers)."
    )


@contextlib.contextmanager
def _threads_that_fail_are_logged() -> Iterator[None]:
    """Sends tracebacks of the runner's threads to where workers' words go: what counts is raised in the main thread too."""
    usual = threading.excepthook
    threading.excepthook = lambda failed: _write_to_native_stderr("".join(traceback.format_exception(failed.exc_value)))
    try:
        yield
    finally:
        threading.excepthook = usual


def _write_to_native_stderr(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def _compile_kernels(deidentifier: Deidentifier, channels: int, beam_argv: list[str]) -> None:
    """De-identifies one image, so that local workers find the kernels in the cache and do not all compile them at once."""
    if is_usual := deidentifier.config.scheme == "structural" and deidentifier.config.backend == "fast":
        from tfdeid.schemes.structural import first_use  # Late: its kernels load where they are used.
    is_compiled = is_usual and first_use.are_compiled()
    if is_compiled and _works_in_other_processes(beam_argv):
        return
    # To load what is compiled takes a second or two.
    seconds = 5.0 if is_compiled else 1.0
    notice = threading.Timer(seconds, _say_if_heard, ["compiling the kernels, once on this machine: about 10 s"])
    notice.start()
    try:
        if is_usual:
            first_use.compile_kernels()
        deidentifier(np.zeros((2, 2, channels), np.uint8), "start")
    finally:
        notice.cancel()


def _works_in_other_processes(beam_argv: list[str]) -> bool:
    """Tells whether a local runner starts processes for its workers; then this one needs no kernels."""
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions  # Late: Beam takes a second.

    return PipelineOptions(beam_argv).view_as(DirectOptions).direct_running_mode == "multi_processing"


def _say_if_heard(text: str) -> None:
    with contextlib.suppress(OSError):  # The main thread will find out too, and ends the run.
        print(text, flush=True)


def _load_key(run_options: RunOptions, is_local: bool) -> tuple[Key, str]:
    """Returns the key and the reference under which the workers find it."""
    reference = run_options.key
    if reference is None and not is_local:
        raise DeidError("a remote runner needs --key, best gcp-secret:projects/P/secrets/S/versions/V, which workers can read.")
    if reference is None:
        key, path, created = Key.load_or_create_default()
        verb = "made a new key" if created else "using the key"
        print(f"{verb} {path} (fingerprint {key.fingerprint}). Keep it: nothing else can repeat or check this dataset.")
        return key, absolute_key(str(path))
    if not is_local and reference != "paper" and not reference.startswith("gcp-secret:") and not run_options.key_on_workers:
        raise DeidError(
            f"the key reference {shown(reference)!r} must exist on every worker of a remote runner. Use gcp-secret:..., or say "
            "that it does with --key_on_workers."
        )
    key = Key.load(reference)
    return key, absolute_key(reference) if is_local else reference


def _make_job(
    run_options: RunOptions, source_config: SourceConfig, source: Source, deid: DeidConfig, key: Key, reference: str
) -> Job:
    return Job(
        source=source_config,
        deid=deid,
        key_reference=reference,
        fingerprint=key.fingerprint,
        output_dir=_output_dir(run_options.output_dir),
        dataset=dataset_name(run_options.name or source.name),
        file_format=run_options.file_format,
        channels=1 if deid.grayscale or source.channels == 1 else 3,
        label_names=None if source.label_names is None else tuple(source.label_names),
        source_name=source.name,
        source_version=source.version if deid.algorithm_version == 1 else source.stated_version,
        all_label_names=None if source.all_label_names is None else tuple(source.all_label_names),
        source_plugin=source.plugin,
        outline=source.outline,
    )


def _from_everywhere(config: SourceConfig) -> SourceConfig:
    """Returns the same source as it is named from every folder: workers may run in others."""
    data_dir = config.data_dir or os.environ.get("TFDS_DATA_DIR")
    return dataclasses.replace(
        config, dataset=absolute_dataset(config.dataset), data_dir=None if data_dir is None else absolute(data_dir)
    )


def _output_dir(given: str | None) -> str:
    """Returns the output's folder as it is written from everywhere, since commands are pasted in other folders."""
    folder = folder_path(given, "output_dir") if given else default_data_dir()
    check_utf8(folder, "output_dir")
    return str(folder)


@contextlib.contextmanager
def _remote_errors() -> Iterator[None]:
    """Turns what goes wrong between here and a remote folder into one clear error."""
    try:
        yield
    except storage_errors() as error:
        if isinstance(error, OSError):  # What this machine's own system says is told by `run_command`.
            raise
        raise DeidError(f"a remote folder can't be used: {reason(error)}") from error


@contextlib.contextmanager
def _only_launch(job: Job) -> Iterator[None]:
    """Keeps other launches of this machine out of the output's folder while a block runs."""
    path = job.directory.parent / f".{job.directory.name}.lock"
    with contextlib.ExitStack() as held:
        with write_errors(str(path.parent), "Choose another --output_dir."):
            path.parent.mkdir(parents=True, exist_ok=True)
            complaint = f"another process is writing {job.directory}. Wait for it, or choose another --output_dir or --name."
            held.enter_context(lock(path, complaint))
        yield


def main() -> int:
    return run_command("beam.deid", run)


if __name__ == "__main__":
    sys.exit(main())
