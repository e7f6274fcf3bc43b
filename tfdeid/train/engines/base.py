"""What the training loop asks of a backend: devices, steps and batches."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from tfdeid.data.augment import RandomAffine
    from tfdeid.data.batches import ImageData
    from tfdeid.train.methods.base import Method


class Engine(abc.ABC):
    """Takes the steps of one run on all its devices.

    Args:
      strategy: a name of `TrainConfig.strategy`.
      deterministic: whether only operations are used that give the same bits in every run.

    Attributes:
      count: devices that share each batch, on all machines together.
      is_chief: whether this process is the one of several that speaks and writes.
      compiles: whether XLA compiles what is run.

    Raises:
      DeidError: there are no such devices.
    """

    count: int
    is_chief: bool = True
    compiles: bool = True

    @abc.abstractmethod
    def __str__(self) -> str:
        """Says what is trained on, for the first lines of a run."""

    def seed(self, seed: int) -> None:
        """Seeds all that draws."""
        keras.utils.set_random_seed(seed)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Lets all devices have the variables that are made while a block runs."""
        return contextlib.nullcontext()

    @abc.abstractmethod
    def build(self, model: keras.Model, optimizer: keras.Optimizer, method: Method, augment: RandomAffine) -> None:
        """Makes the step of a network and its optimizer, once these hold the values that the run goes on from."""

    @abc.abstractmethod
    def batches(self, method: Method, data: ImageData, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Yields images and labels of an epoch's steps.

        Raises:
          DeidError: the data are damaged or gone, or another worker has stopped.
        """

    @abc.abstractmethod
    def step(self, images: Any, labels: Any, number: int) -> tuple[Any, Any, Any]:
        """Takes a step.

        Args:
          images, labels: a batch of `batches`.
          number: the step of the run, from 0.

        Returns:
          The sum of losses, right answers and examples with labels, on the device; converting them waits for it.

        Raises:
          OutOfMemory: the device has too little memory.
          DeidError: another worker has stopped.
        """

    @abc.abstractmethod
    def end_epoch(self) -> None:
        """Lets network and optimizer hold what the steps made of them."""

    def wait_for_all(self) -> None:  # noqa: B027 - most backends have one process.
        """Returns once all workers have come here.

        Raises:
          DeidError: another worker has stopped before it came here.
        """


class OutOfMemory(Exception):
    """A device has too little memory for a step."""
