"""Training on TensorFlow: a step is a traced function, which XLA compiles on a GPU; several devices by its strategies."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from etils import epath

from tfdeid.data.augment import RandomAffine
from tfdeid.data.batches import ImageData
from tfdeid.train.devices import Devices, number_of_this_device, other_workers
from tfdeid.train.engines import base
from tfdeid.train.engines.base import OutOfMemory
from tfdeid.train.methods.base import Method

Data = ImageData


class Engine(base.Engine):
    def __init__(self, strategy: str, deterministic: bool):
        self._devices = Devices(strategy)
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        self.count, self.is_chief, self.compiles = self._devices.count, self._devices.is_chief, self._devices.compiles

    def __str__(self) -> str:
        return str(self._devices)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        return self._devices.scope()

    def build(self, model: keras.Model, optimizer: keras.Optimizer, method: Method, augment: RandomAffine) -> None:
        self._model = model
        method_step, seed, devices = method.build(model, optimizer), method.plan.seed, self._devices

        def step(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, ...]:
            number = number * devices.count + number_of_this_device()
            loss, right = method_step(augment(images, seed=tf.stack([seed, number])), labels, number)
            return loss, right, tf.reduce_sum(tf.cast(labels >= 0, tf.int64))

        self._step = devices.everywhere(step)

    def batches(self, method: Method, data: ImageData, epoch: int) -> Iterator[tuple[Any, Any]]:
        batches = self._devices.share_out(
            lambda batch_size, shard: method.batches(data, batch_size, epoch, shard), method.plan.batch_size
        )
        return data.read(batches)

    def step(self, images: Any, labels: Any, number: int) -> tuple[Any, Any, Any]:
        try:
            with other_workers():
                return self._step(images, labels, tf.constant(number, tf.int64))
        except tf.errors.ResourceExhaustedError as error:
            raise OutOfMemory from error

    def end_epoch(self) -> None:
        self._devices.average_statistics(self._model)

    def wait_for_all(self) -> None:
        self._devices.wait_for_all()


class Predictor:
    """A network as a function from images to logits. Each batch size is compiled anew, so few are used."""

    def __init__(self, model: keras.Model, compiles: bool = True):
        self._call = tf.function(lambda images: model(images, training=False), jit_compile=compiles)

    def __call__(self, images: Any, batch_size: int | None = None) -> np.ndarray:
        """Returns float32[B, classes] for uint8[B, S, S, C]; B is at most the batch size, which it is filled up to."""
        count = images.shape[0]
        missing = (batch_size or count) - count
        if missing:
            images = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
        return self._call(images)[:count].numpy()


def write_checkpoint(prefix: str, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
    """Writes variables to the files that begin with a prefix.

    Raises:
      OSError, tf.errors.OpError: they can't be written.
    """
    tf.train.Checkpoint(**_values(variables)).write(prefix)


def read_checkpoint(prefix: str, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
    """Reads a checkpoint into variables; those of a part that is not named are passed over.

    Raises:
      tf.errors.OpError, ValueError, IndexError, AssertionError: it is damaged, or of another network.
    """
    path = epath.Path(prefix)
    with _without_patterns(path.parent) as folder:
        status = tf.train.Checkpoint(**_values(variables)).read(str(folder / path.name))
    status.assert_existing_objects_matched().expect_partial()


def _values(variables: Mapping[str, Sequence[keras.Variable]]) -> dict[str, list[tf.Variable]]:
    return {name: [variable.value for variable in values] for name, values in variables.items()}


@contextlib.contextmanager
def _without_patterns(folder: epath.Path) -> Iterator[epath.Path]:
    """Gives a name of the folder that is no pattern: TensorFlow looks for a checkpoint to read among the files that match."""
    if not set(os.fspath(folder)) & set("[]*?{}\\") or "://" in os.fspath(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as elsewhere:
        link = os.path.join(elsewhere, "checkpoints")
        os.symlink(folder, link)
        yield epath.Path(link)
