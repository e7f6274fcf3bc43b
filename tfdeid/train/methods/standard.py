"""Training as it is usually done: the mean cross-entropy of each batch is minimized."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tfdeid.config import number
from tfdeid.errors import DeidError
from tfdeid.train.methods.base import Method, Step, count_right

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Standard(Method):
    name = "standard"
    about = "minimizes the mean cross-entropy of each batch"

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
        import tensorflow as tf  # Late: as above.

        smoothing, sparse = (
            self.options.label_smoothing,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        )
        smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, reduction="sum")

        def cross_entropy(labels: Any, logits: Any) -> Any:
            return smooth(tf.one_hot(labels, logits.shape[-1]), logits) if smoothing else sparse(labels, logits)

        def step(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss = cross_entropy(labels, logits)
                objective = optimizer.scale_loss(loss / self.plan.batch_size)
            optimizer.apply(tape.gradient(objective, model.trainable_variables), model.trainable_variables)
            return loss, count_right(labels, logits)

        return step
