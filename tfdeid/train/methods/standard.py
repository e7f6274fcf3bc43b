"""Training as it is usually done: the mean cross-entropy of each batch is minimized."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfdeid.config import number
from tfdeid.errors import DeidError
from tfdeid.train.methods.base import Method, State, Step, count_right

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Standard(Method):
    name = "standard"
    about = "minimizes the mean cross-entropy of each batch"
    backends = ("tensorflow", "jax")

    @dataclasses.dataclass(frozen=True)
    class Options:
        label_smoothing: float = 0.0
        """Share of each label that is spread over all classes, in [0, 1)."""

        def __post_init__(self) -> None:
            object.__setattr__(self, "label_smoothing", number("label_smoothing", self.label_smoothing))
            if not 0 <= self.label_smoothing < 1:
                raise DeidError(f"label_smoothing must be in [0, 1), label_smoothing was {self.label_smoothing}.")

    def build(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
        import keras  # Late: takes seconds, and the options of methods are asked for without it.

        return self._jax_step(model, optimizer) if keras.backend.backend() == "jax" else self._tensorflow_step(model, optimizer)

    def _loss(self) -> Callable[[Any, Any], Any]:
        """Returns the sum of cross-entropies as a function of labels and logits."""
        import keras  # Late: as above.

        smoothing = self.options.label_smoothing
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, reduction="sum")

        def cross_entropy(labels: Any, logits: Any) -> Any:
            return smooth(keras.ops.one_hot(labels, logits.shape[-1]), logits) if smoothing else sparse(labels, logits)

        return cross_entropy

    def _tensorflow_step(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
        import tensorflow as tf  # Late: as above.

        cross_entropy = self._loss()

        def step(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss = cross_entropy(labels, logits)
                objective = optimizer.scale_loss(loss / self.plan.batch_size)
            optimizer.apply(tape.gradient(objective, model.trainable_variables), model.trainable_variables)
            return loss, count_right(labels, logits)

        return step

    def _jax_step(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
        import jax  # Late: as above.

        cross_entropy = self._loss()

        def objective(trainable: list[Any], others: list[Any], images: Any, labels: Any) -> Any:
            logits, others = model.stateless_call(trainable, others, images, training=True)
            loss = cross_entropy(labels, logits)
            return loss / self.plan.batch_size, (loss, logits, others)

        def step(state: State, images: Any, labels: Any, number: Any) -> tuple[State, Any, Any]:
            trainable, others, slots = state
            gradients, (loss, logits, others) = jax.grad(objective, has_aux=True)(trainable, others, images, labels)
            trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
            return (trainable, others, slots), loss, count_right(labels, logits)

        return step
