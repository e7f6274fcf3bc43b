"""One device, several devices or several machines: what runs where, and what they have to agree on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfdeid.errors import DeidError


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns TensorFlow's strategy of a name of `TrainConfig.strategy`.

    Raises:
      DeidError: TF_CONFIG is missing or names no workers that can be joined.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi_worker":
        if not os.environ.get("TF_CONFIG"):
            raise DeidError(
                "--strategy multi_worker needs the environment variable TF_CONFIG, which names all workers and which one this "
                "is. For several GPUs of one machine use --strategy mirrored."
            )
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, RuntimeError, tf.errors.OpError) as error:
            raise DeidError(f"the workers can't be joined by TF_CONFIG: {str(error).splitlines()[0]}") from error
    return tf.distribute.get_strategy()


class Devices:
    """The devices that share each batch.

    Args:
      strategy: a name of `TrainConfig.strategy`.

    Attributes:
      count: how many there are, on all machines together.
      compiles: whether XLA compiles what is run on them.
      is_chief: whether this process is the one of several that speaks and writes.

    Raises:
      DeidError: as `make_strategy`.
    """

    def __init__(self, strategy: str):
        self._name = strategy
        self._strategy = make_strategy(strategy)
        self.count: int = self._strategy.num_replicas_in_sync
        # TensorFlow mirrors variables across devices in ways that XLA can't compile. On a CPU, XLA's convolutions take half as
        # long again as those of oneDNN, which it does not use.
        self.compiles = strategy == "none" and bool(tf.config.list_physical_devices("GPU"))
        self.is_chief = strategy != "multi_worker" or is_chief(self._strategy.cluster_resolver)

    def __str__(self) -> str:
        off = "off on a CPU" if self._name == "none" else f"off for the network under {self._name}"
        xla = "on (the train step is compiled)" if self.compiles else off
        return f"devices: {self.count}; XLA: {xla}"

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Lets all devices have the variables that are made while a block runs."""
        return self._strategy.scope()

    def everywhere(self, function: Callable[..., tuple[tf.Tensor, ...]]) -> Callable[..., tuple[tf.Tensor, ...]]:
        """Returns a function of tensors as one that runs it on all devices, compiled, and sums each of its results."""
        if self.compiles:
            return tf.function(function, jit_compile=True)
        if self._name == "none":
            return tf.function(function)
        strategy = self._strategy

        @tf.function
        def distributed(*values: tf.Tensor) -> tuple[tf.Tensor, ...]:
            results = strategy.run(function, values)
            return tuple(strategy.reduce(tf.distribute.ReduceOp.SUM, result, axis=None) for result in results)

        return distributed

    def share_out(self, make_batches: Callable[[int, tuple[int, int]], tf.data.Dataset], batch_size: int) -> Any:
        """Returns what gives every device its share of each batch.

        Args:
          make_batches: from the images a batch of one device, and (index, number) of this worker among all, to the batches of
            its devices in turn.
          batch_size: images a step, on all devices together.
        """
        return self._strategy.distribute_datasets_from_function(
            lambda context: make_batches(
                context.get_per_replica_batch_size(batch_size), (context.input_pipeline_id, context.num_input_pipelines)
            )
        )

    def average_statistics(self, model: keras.Model) -> None:
        """Gives all devices the mean of what each has seen (batch normalization), so that no share of the data goes unused."""
        if self.count == 1:
            return
        variables = [variable for variable in model.non_trainable_variables if variable.dtype.startswith("float")]

        def average() -> None:
            values = [tf.identity(variable.value) for variable in variables]  # On this device, so that it can be sent.
            means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)
            for variable, mean in zip(variables, means, strict=True):
                variable.assign(mean)

        tf.function(self._strategy.run)(average)

    def wait_for_all(self) -> None:
        """Returns once all workers have come here. One that leaves earlier is taken for crashed by those that still work.

        Raises:
          DeidError: another worker has stopped before it came here.
        """
        if self._name != "multi_worker":
            return

        def meet() -> tf.Tensor:
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0))

        with other_workers():
            tf.function(self._strategy.run)(meet)


@contextlib.contextmanager
def other_workers() -> Iterator[None]:
    """Has a block in which workers act together end in one clear error when another one stops."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        reason = str(error.message).splitlines()[0]
        raise DeidError(f"another worker has stopped ({reason}). Start all of them again: they go on together.") from error


def number_of_this_device() -> tf.Tensor:
    """Returns the number of the device that a function is run on, from 0, int64."""
    return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)


def is_chief(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> bool:
    """Tells whether this process is the one of TF_CONFIG's cluster that speaks and writes."""
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0
