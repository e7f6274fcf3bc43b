"""Training as it is usually done: the mean cross-entropy of each batch is minimized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfdeid.train.methods.base import Method, Step, count_right

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Standard(Method):
    name = "standard"
    about = "minimizes the mean cross-entropy of each batch"

    def build(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
        import keras  # Late: takes seconds, and the options of methods are asked for without it.
        import tensorflow as tf  # Late: as above.

        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

        def step(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss = cross_entropy(labels, logits)
                objective = optimizer.scale_loss(loss / self.plan.batch_size)
            optimizer.apply(tape.gradient(objective, model.trainable_variables), model.trainable_variables)
            return loss, count_right(labels, logits)

        return step
