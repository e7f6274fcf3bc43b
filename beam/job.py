"""What a run is told, fixed at launch: plain values that travel to the workers, and how its work is cut into shards."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Hashable
from typing import Any

from etils import epath

from tfdeid.data.naming import VERSION, shard_name, split_names
from tfdeid.data.sources import Source, SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.key import Key
from tfdeid.plugins import Plugin
from tfdeid.schemes import SCHEMES

# One shard is held in memory by the worker that makes it: about 30 MB at 224 x 224.
_IMAGES_A_SHARD = 512
FILE_FORMATS = ("tfrecord", "array_record")


@dataclasses.dataclass(frozen=True)
class Job:
    """One run. It holds a key reference and the key's fingerprint, never the key: runners show and log what they are given.

    Attributes:
      source: what to read.
      deid: what to do to each image.
      key_reference: what `Key.load` takes.
      fingerprint: the key's fingerprint.
      output_dir: TFDS data directory that the dataset is put in.
      dataset: name of the dataset.
      file_format: tfrecord or array_record.
      channels: channels of the result, 1 or 3.
      label_names: class names, or None for a source without labels.
      source_name: name of the source, part of every record's hashed id.
      source_version: version of the source.
      all_label_names: the names of all classes of the source, so that no worker has to find them.
      source_plugin: whose the source is, if it is none of ours.
      outline: what was found of the source at launch, so that no worker has to find it.
      replaces: a finished dataset is there, and stays until this one is whole: it is put together beside it.
    """

    source: SourceConfig
    deid: DeidConfig
    key_reference: str
    fingerprint: str
    output_dir: str
    dataset: str
    file_format: str
    channels: int
    label_names: tuple[str, ...] | None
    source_name: str
    source_version: str
    all_label_names: tuple[str, ...] | None = None
    source_plugin: Plugin | None = None
    outline: Hashable = None
    replaces: bool = False

    @property
    def directory(self) -> epath.Path:
        """Returns where the dataset lies once it is whole."""
        return epath.Path(self.output_dir).expanduser() / self.dataset / self.deid.name / VERSION

    @property
    def workplace(self) -> epath.Path:
        """Returns where the shards and their metadata are written."""
        return self.directory.parent / f".{VERSION}.new" if self.replaces else self.directory

    def facts(self) -> dict[str, Any]:
        """Returns what the dataset's metadata says of how it was made: all that determines its content, nothing secret."""
        plugins = {"scheme": SCHEMES.plugin(self.deid.scheme), "source": self.source_plugin}
        others = {kind: dataclasses.asdict(plugin) for kind, plugin in plugins.items() if plugin is not None}
        return {
            **({"plugins": others} if others else {}),
            "scheme": self.deid.scheme,
            "deid": self.deid.to_dict(),
            "source": self.source_name,
            "source_version": self.source_version,
            "source_selection": self.source.selection(self.deid.algorithm_version),
            "key_fingerprint": self.fingerprint,
            "algorithm_version": self.deid.algorithm_version,
            "file_format": self.file_format,
        }


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """One unit of work: the examples [start, stop) of a split, to be written as one file.

    Attributes:
      split: the split's name in the source.
      output_split: its name in the dataset.
      start: first example.
      stop: one past the last example.
      file_name: the shard's name in the output directory.
      identity: hash of all that determines the shard's content.
    """

    split: str
    output_split: str
    start: int
    stop: int
    file_name: str
    identity: str


def plan_shards(job: Job, source: Source, key: Key, num_shards: int | None = None) -> list[ShardTask]:
    """Cuts every split into shards of nearly equal size.

    The plan depends on the source and the options alone, not on runner or number of workers. The order of the shards is drawn
    from the key, so that a record's position does not tell which one of a public source it is.
    """
    tasks = []
    names, content = split_names(source.splits), _content(job)
    for split, size in source.splits.items():
        count = min(num_shards or math.ceil(size / _IMAGES_A_SHARD), size)
        order = sorted(range(count), key=lambda i: key.hmac("shard order", job.source_name, split, str(i)))
        for position, part in enumerate(order):
            start, stop = part * size // count, (part + 1) * size // count
            tasks.append(
                ShardTask(
                    split=split,
                    output_split=names[split],
                    start=start,
                    stop=stop,
                    file_name=shard_name(job.dataset, names[split], job.file_format, position, count),
                    identity=_digest({**content, "dataset": job.dataset, "split": split, "range": [start, stop]}),
                )
            )
    return tasks


def _content(job: Job) -> dict[str, Any]:
    """Returns what determines the content of the shards."""
    facts = job.facts()
    if job.deid.algorithm_version > 1:
        facts["label_names"] = job.label_names  # Records hold their numbers.
    facts["deid"] = job.deid.identity()
    return facts


def run_identity(tasks: list[ShardTask]) -> str:
    """Returns the identity of the whole output: two runs with the same one write the same dataset."""
    return _digest([[task.file_name, task.identity] for task in tasks])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
