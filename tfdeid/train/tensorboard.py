"""The curves of a run, for TensorBoard."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from etils import epath

from tfdeid.errors import DeidError, reason


class TensorBoard:
    """Writes epochs' figures to a folder, which is made with the first of them."""

    def __init__(self, folder: epath.Path):
        self._folder = str(folder)
        self._writer: tf.summary.SummaryWriter | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Adds an epoch's figures, of which `epoch` is the place on the axis.

        Raises:
          DeidError: the folder can't be written.
        """
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(self._folder)
            with self._writer.as_default(step=row["epoch"]):
                for name, value in row.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise DeidError(
                f"{self._folder} can't be written: {reason(error)}. Make room, and run the same command again."
            ) from error
