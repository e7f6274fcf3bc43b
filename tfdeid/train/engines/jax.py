"""Training on JAX: a step is a compiled function from a state to the next; several devices share each batch."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import keras
import numpy as np
from etils import epath

from tfdeid.data.augment import RandomAffine
from tfdeid.data.batches import ImageData
from tfdeid.data.grain_batches import GrainData
from tfdeid.errors import DeidError
from tfdeid.files import write_text
from tfdeid.train.engines import base
from tfdeid.train.engines.base import OutOfMemory
from tfdeid.train.methods.base import Method, State

Data = GrainData
_BATCH = "batch"


class Engine(base.Engine):
    def __init__(self, strategy: str, deterministic: bool):
        if deterministic:  # Read when JAX first looks for devices. On a CPU it is deterministic as it is.
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
        if strategy == "multi_worker":
            raise DeidError("on JAX all devices are of one machine: use --strategy mirrored, or TensorFlow for several.")
        devices = jax.devices() if strategy == "mirrored" else jax.devices()[:1]
        self.count = len(devices)
        mesh = jax.sharding.Mesh(np.asarray(devices), (_BATCH,))
        self._everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
        self._shared_out = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(_BATCH))

    def __str__(self) -> str:
        return f"devices: {self.count} ({jax.devices()[0].device_kind}), by JAX"

    def seed(self, seed: int) -> None:
        with _without_tensorflow():
            super().seed(seed)

    def build(self, model: keras.Model, optimizer: keras.Optimizer, method: Method, augment: RandomAffine) -> None:
        self._model, self._optimizer = model, optimizer
        method_step, seed = method.build(model, optimizer), method.plan.seed
        # Copies: a step takes the memory of the state that it is given.
        self._state: State = jax.device_put(jax.tree.map(np.array, _state_of(model, optimizer)), self._everywhere)

        def step(state: State, images: jax.Array, labels: jax.Array, number: jax.Array) -> tuple[State, tuple[jax.Array, ...]]:
            warped = augment(images, seed=jax.numpy.stack([jax.numpy.int32(seed), number]))
            state, loss, right = method_step(state, warped, labels, number)
            return state, (loss, right, (labels >= 0).sum())

        self._step = jax.jit(step, donate_argnums=0)

    def batches(self, method: Method, data: ImageData, epoch: int) -> Iterator[tuple[Any, Any]]:
        for images, labels in data.read(method.batches(data, method.plan.batch_size, epoch, (0, 1))):
            yield jax.device_put(images, self._shared_out), jax.device_put(labels.astype(np.int32), self._shared_out)

    def step(self, images: Any, labels: Any, number: int) -> tuple[Any, Any, Any]:
        try:
            self._state, sums = self._step(self._state, images, labels, np.int32(number))
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" in str(error):
                raise OutOfMemory from error
            raise
        return sums

    def end_epoch(self) -> None:
        for variables, values in zip(_variables_of(self._model, self._optimizer), self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                # A copy: the next step is given the state's own memory.
                variable.assign(np.asarray(value))


class Predictor:
    """A network as a function from images to logits. Each batch size is compiled anew, so few are used."""

    def __init__(self, model: keras.Model, compiles: bool = True):
        self._model = model
        self._call = jax.jit(lambda weights, others, images: model.stateless_call(weights, others, images, training=False)[0])

    def __call__(self, images: Any, batch_size: int | None = None) -> np.ndarray:
        """Returns float32[B, classes] for uint8[B, S, S, C]; B is at most the batch size, which it is filled up to."""
        count = images.shape[0]
        missing = (batch_size or count) - count
        filled = np.pad(images, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else np.asarray(images)
        weights, others = (
            [variable.value for variable in variables]
            for variables in (self._model.trainable_variables, self._model.non_trainable_variables)
        )
        return np.asarray(self._call(weights, others, filled)[:count])


def write_checkpoint(prefix: str, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
    """Writes variables to the file that begins with a prefix.

    Raises:
      OSError: it can't be written.
    """
    arrays = {f"{name}/{k}": np.asarray(value.value) for name, values in variables.items() for k, value in enumerate(values)}
    data = io.BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]  # Its stubs take all options for flags.
    write_text(epath.Path(f"{prefix}.npz"), data.getvalue())


def read_checkpoint(prefix: str, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
    """Reads a checkpoint into variables; those of a part that is not named are passed over.

    Raises:
      OSError, ValueError: it is damaged, or of another network.
    """
    with np.load(io.BytesIO(epath.Path(f"{prefix}.npz").read_bytes())) as arrays:
        for name, values in variables.items():
            if sum(key.startswith(f"{name}/") for key in arrays) != len(values):
                raise ValueError(f"its {name} has another number of variables")
            for k, variable in enumerate(values):
                variable.assign(arrays[f"{name}/{k}"])  # Raises ValueError for another shape.


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Hides TensorFlow while a block runs, unless it is loaded: Keras would load it, which takes seconds, to seed it too."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # Python's own word for what can't be imported.
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


def _variables_of(model: keras.Model, optimizer: keras.Optimizer) -> tuple[list[keras.Variable], ...]:
    return model.trainable_variables, model.non_trainable_variables, optimizer.variables


def _state_of(model: keras.Model, optimizer: keras.Optimizer) -> State:
    trainable, others, slots = ([variable.value for variable in variables] for variables in _variables_of(model, optimizer))
    return trainable, others, slots
