"""The curves of a run, for TensorBoard: its files of events, whose form is that of TFRecord files."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from etils import epath

from tfdeid.data.tfrecord import frame_record
from tfdeid.errors import DeidError, reason
from tfdeid.files import is_remote, storage_errors


class TensorBoard:
    """Writes epochs' figures to a folder, which is made with the first of them."""

    def __init__(self, folder: epath.Path):
        self._folder = folder
        self._file: epath.Path | None = None
        self._written = b""

    def add(self, row: dict[str, Any]) -> None:
        """Adds an epoch's figures, of which `epoch` is the place on the axis.

        Raises:
          DeidError: the folder can't be written.
        """
        try:
            if self._file is None:
                if not self._folder.exists():
                    self._folder.mkdir(parents=True, exist_ok=True)
                # As TensorBoard's own: the time keeps a run that goes on from what it has written before.
                name = f"events.out.tfevents.{time.time_ns():019d}.{socket.gethostname()}.{os.getpid()}"
                self._file = self._folder / name
                self._append(_event(file_version="brain.Event:2"))
            values = [(name, float(value)) for name, value in row.items()]
            self._append(b"".join(_scalar(name, value, row["epoch"]) for name, value in values))
        except storage_errors() as error:
            raise DeidError(
                f"{self._folder} can't be written: {reason(error)}. Make room, and run the same command again."
            ) from error

    def _append(self, data: bytes) -> None:
        assert self._file is not None, "it is made with the first figures"
        if not is_remote(self._file):
            with open(self._file, "ab") as file:
                file.write(data)
            return
        self._written += data  # Objects of a store are written whole.
        self._file.write_bytes(self._written)


def _scalar(name: str, value: float, step: int) -> bytes:
    from tensorboard.compat.proto.summary_pb2 import Summary  # Late: takes a moment, once a run.

    return _event(step=step, summary=Summary(value=[Summary.Value(tag=name, simple_value=value)]))


def _event(**content: Any) -> bytes:
    """Returns an event as a record of a TFRecord file."""
    from tensorboard.compat.proto.event_pb2 import Event  # Late: as above.

    return frame_record(Event(wall_time=time.time(), **content).SerializeToString())
