"""A gs:// that lies in this process's memory: TensorFlow's own `ram://` file system behind the paths of etils.epath.

As Google's storage does, it has no locks and no modes, and it raises TensorFlow's errors. All runners that work in this process
see it: the local one with its threads, and Dataflow's up to the job's description.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf
from etils.epath import backend, gpath

_NUMBERS = itertools.count()


class FakeStorage(backend._TfBackend):
    """What a path such as gs://bucket/folder/file leads to while the fake is in place.

    Attributes:
      calls: how often each operation was asked for.
      refuse: writing to a file whose name holds this text fails half-way; None for none.
    """

    def __init__(self) -> None:
        self._root = f"ram://fake{next(_NUMBERS)}/"
        self.calls: collections.Counter[str] = collections.Counter()
        self.refuse: str | None = None
        tf.io.gfile.makedirs(self._root + "bucket")

    def real(self, path: Any) -> Any:
        """Returns the path that TensorFlow knows; what is not in the fake stays."""
        text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
        return self._root + text.removeprefix("gs://") if text.startswith("gs://") else path

    def fake(self, path: str) -> str:
        return "gs://" + path.removeprefix(self._root)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or name not in backend.Backend.__abstractmethods__:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            arguments = tuple(map(self.real, arguments))
            result = found(*arguments, **options)
            return [self.fake(path) for path in result] if name == "glob" else result

        return call

    @contextlib.contextmanager
    def open(self, path: Any, mode: str) -> Iterator[Any]:
        if "w" in mode and tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)  # ram:// would append.
        with super().open(path, mode) as file:
            yield _FailsHalfWay(file) if "w" in mode and self.refuse and self.refuse in path else file

    def put(self, folder: pathlib.Path, place: str) -> None:
        """Copies a local folder to a place in the fake."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size:  # ram:// has no empty files.
                copy = self.real(f"{place}/{path.relative_to(folder)}")
                tf.io.gfile.makedirs(os.path.dirname(copy))
                tf.io.gfile.copy(str(path), copy)

    def files(self, place: str) -> dict[str, bytes]:
        """Returns all files below a place, as they lie there, by relative path."""
        top, found = self.real(place), {}
        for folder, _, names in tf.io.gfile.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, top)] = tf.io.gfile.GFile(path, "rb").read()
        return found

    def remove_file(self, path: str) -> None:
        tf.io.gfile.remove(self.real(path))


class _FailsHalfWay:
    """A file that takes half of what is written, and loses its connection then."""

    def __init__(self, file: Any):
        self._file = file

    def write(self, data: Any) -> None:
        self._file.write(data[: len(data) // 2])
        raise tf.errors.UnavailableError(None, None, "the connection was lost")


def install(monkeypatch: pytest.MonkeyPatch) -> FakeStorage:
    """Puts a new, empty storage with the bucket `bucket` behind gs://, for etils.epath and for TensorFlow's record reader."""
    storage = FakeStorage()
    local = gpath.PosixGPath._backend

    def find(path: gpath.PosixGPath) -> backend.Backend:
        return storage if path._uri_scheme == "gs" else local.fget(path)

    monkeypatch.setattr(gpath.PosixGPath, "_backend", property(find))
    monkeypatch.setattr(gpath, "_GCS_BACKENDS", gpath._GCS_BACKENDS | {storage})
    read = tf.data.TFRecordDataset
    monkeypatch.setattr(tf.data, "TFRecordDataset", lambda name, *rest, **options: read(storage.real(name), *rest, **options))
    return storage
