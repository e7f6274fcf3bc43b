"""The labelled steps: shard tasks in, shards and metadata on disk, only counts through the runner."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam
from apache_beam.metrics import Metrics

from beam import shards
from beam.job import Job, ShardTask

NAMESPACE = "tfdeid"


class WriteShard(apache_beam.DoFn):
    """Makes one shard. Images go from source to disk within the worker; the runner carries the counts."""

    def __init__(self, job: Job):
        self._job = job

    def process(self, task: ShardTask) -> Iterator[int]:
        report = shards.write_shard(self._job, task)
        counts = shards.total([report])
        for name in ("read", "written", "failed", "bytes"):
            Metrics.counter(NAMESPACE, name).inc(counts[name])
        for stage, seconds in counts["seconds"].items():
            Metrics.distribution(NAMESPACE, f"{stage}_ms_a_shard").update(round(1000 * seconds))
        yield report.written


class FinishDataset(apache_beam.DoFn):
    """Writes the metadata after the last shard."""

    def __init__(self, job: Job, tasks: list[ShardTask], max_failed_ratio: float):
        self._job = job
        self._tasks = tasks
        self._max_failed_ratio = max_failed_ratio

    def process(self, _: int) -> Iterator[bool]:
        yield shards.finish_dataset(self._job, self._tasks, self._max_failed_ratio)


def build(
    pipeline: apache_beam.Pipeline, job: Job, tasks: list[ShardTask], todo: list[ShardTask], max_failed_ratio: float
) -> None:
    """Adds the steps to a pipeline.

    Args:
      pipeline: the pipeline.
      job: what to do.
      tasks: all shards of the dataset.
      todo: those still to be made.
      max_failed_ratio: with a larger share of failed images no metadata is written.
    """
    (
        pipeline
        | "ShardTasks" >> apache_beam.Create(todo)
        | "SpreadOverWorkers" >> apache_beam.Reshuffle()
        | "WriteShard" >> apache_beam.ParDo(WriteShard(job))
        # Also when no shard is left to do, the count yields one element, and with it the last step runs.
        | "AwaitAllShards" >> apache_beam.CombineGlobally(sum)
        | "FinishDataset" >> apache_beam.ParDo(FinishDataset(job, tasks, max_failed_ratio))
    )
