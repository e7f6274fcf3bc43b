"""Where a run of the tests of secrets has its home and its output, and what is found there."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import threading
from collections.abc import Iterator

import tensorflow as tf

from tests.security.forms import Secrets
from tfdeid.image import decode_image

SMALL = ("--input_size=24", "--output_size=64", "--limit=6", "--num_shards=2")
HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "TMPDIR")


@dataclasses.dataclass
class Place:
    """Where a run has its home, its temporary files and its output."""

    root: pathlib.Path

    def __post_init__(self):
        for name in (*HOMES, "out"):
            (self.root / name).mkdir()
        self.key_path = self.root / "XDG_CONFIG_HOME" / "tfdeid" / "key"

    def environment(self) -> dict[str, str]:
        # Compiled kernels may be shared: they are made of the package's source alone.
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return {**{name: str(self.root / name) for name in HOMES}, "XDG_CACHE_HOME": cache}

    def files(self) -> dict[str, bytes]:
        """Returns the content of all files but the key's own, among them the records of the shards."""
        paths = [path for path in self.root.rglob("*") if path.is_file() and path != self.key_path]
        found = {str(path.relative_to(self.root)): path.read_bytes() for path in paths}
        for path in paths:
            if is_shard(path):
                found |= {f"{path.name}, record {k}": part for k, part in enumerate(parts_of_records(path))}
        return found


def is_shard(path: pathlib.Path) -> bool:
    return ".tfrecord-" in path.name and path.suffix != ".json"


def records(path: pathlib.Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def parts_of_records(path: pathlib.Path) -> Iterator[bytes]:
    for record in records(path):
        yield record
        yield decode_image(tf.train.Example.FromString(record).features.feature["image"].bytes_list.value[0]).tobytes()


class Watcher(threading.Thread):
    """Keeps a copy of what lies in folders only for a while."""

    def __init__(self, *folders: pathlib.Path):
        super().__init__(daemon=True)
        self._folders, self._done, self.seen = folders, threading.Event(), {}

    def run(self):
        while not self._done.wait(0.02):
            for path in itertools.chain(*(folder.rglob("*") for folder in self._folders)):
                try:
                    if path.is_file():
                        self.seen[f"once in {path}"] = path.read_bytes()
                except OSError:
                    continue

    def stop(self):
        self._done.set()
        self.join()


def check(secrets: Secrets, artefacts: dict[str, bytes | str]) -> None:
    """Fails if a secret, or an encrypted vector document, is in any of the artefacts."""
    for name, content in artefacts.items():
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        assert not (found := secrets.found_in(data)), (name, found)
        assert b"<path" not in data and b"<svg" not in data, name


def stored_ids(place: Place) -> set[str]:
    files = filter(is_shard, (place.root / "out").rglob("*"))
    examples = [tf.train.Example.FromString(record) for path in files for record in records(path)]
    return {example.features.feature["id"].bytes_list.value[0].decode() for example in examples}
