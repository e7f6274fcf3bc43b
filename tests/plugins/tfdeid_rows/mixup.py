"""A training method: mixup (Zhang et al., ICLR 2018). A network learns from pairs of images that are blended."""

from __future__ import annotations

import dataclasses

from tfdeid.train.methods.base import DeidError, Method, Step, count_right


@dataclasses.dataclass(frozen=True)
class Options:
    """How images are blended.

    Raises:
      DeidError: a value is out of its bounds.
    """

    largest_share: float = 0.4
    """Share of the other image in a blend, at most: in [0, 0.5]."""

    def __post_init__(self) -> None:
        if not isinstance(self.largest_share, int | float) or not 0 <= self.largest_share <= 0.5:
            raise DeidError(f"largest_share must be in [0, 0.5], largest_share was {self.largest_share!r}.")


class Mixup(Method):
    """Each image is blended with another one of its batch, and each answer is held to both labels by their shares."""

    name = "mixup"
    about = "blends the images of a batch in pairs, and their labels with them"
    Options = Options

    def build(self, model, optimizer) -> Step:
        import keras
        import tensorflow as tf

        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

        def step(images, labels, number):
            seed = tf.stack([tf.cast(self.plan.seed, tf.int64), number])
            share = tf.random.stateless_uniform((), seed, 0.0, self.options.largest_share)
            pixels = tf.cast(images, tf.float32)
            blended = (1 - share) * pixels + share * tf.reverse(pixels, [0])
            with tf.GradientTape() as tape:
                logits = model(blended, training=True)
                others = tf.reverse(labels, [0])
                loss = (1 - share) * cross_entropy(labels, logits) + share * cross_entropy(others, logits)
                objective = optimizer.scale_loss(loss / self.plan.batch_size)
            optimizer.apply(tape.gradient(objective, model.trainable_variables), model.trainable_variables)
            return loss, count_right(labels, logits)

        return step
