"""A progress line for local runs, which have no live metrics: it counts the shards that have appeared."""

from __future__ import annotations

import contextlib
import sys
import threading

from tqdm import tqdm

from beam.job import Job, ShardTask
from tfdeid.data.shard_report import REPORTS

_SECONDS_BETWEEN_LOOKS = 0.5
# A file that standard error goes to would hold every state of the line.
_SECONDS_BETWEEN_STATES_IN_A_LOG = 20.0


class Progress:
    """Shows the images done while a block runs.

    Args:
      job: the run.
      todo: the shards that it makes.
      enabled: False shows nothing.
    """

    def __init__(self, job: Job, todo: list[ShardTask], enabled: bool):
        self._directory = job.workplace / REPORTS
        self._waiting = {f"{task.file_name}.json": task.stop - task.start for task in todo}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True) if enabled else None

    def __enter__(self) -> Progress:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        interval = 0.0 if sys.stderr.isatty() else _SECONDS_BETWEEN_STATES_IN_A_LOG
        with tqdm(total=sum(self._waiting.values()), unit="image", desc="de-identifying", mininterval=interval) as bar:
            while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
                self._look(bar)
                if not interval:
                    bar.refresh()  # The clock moves on also while the first shard is being made.
            self._look(bar)

    def _look(self, bar: tqdm) -> None:
        # It is made with the first shard, and goes when a new dataset is put in the place of an old one.
        with contextlib.suppress(FileNotFoundError):
            for path in self._directory.iterdir() if self._directory.exists() else ():
                bar.update(self._waiting.pop(path.name, 0))
