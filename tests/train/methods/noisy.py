"""A training method as a third party writes it, in one file: of ours it imports the base module alone.

Examples weigh more or less by chance, and each is in a batch or not by a draw of its own (Poisson sampling).
"""

import dataclasses

import numpy as np

from tfdeid.train.methods.base import DeidError, Method, count_right


class Noisy(Method):
    name = "noisy"
    about = "weighs examples by chance, and draws each on its own"

    @dataclasses.dataclass(frozen=True)
    class Options:
        noise: float = 0.1
        """Standard deviation of an example's weight, which is 1 on average."""

        def __post_init__(self):
            if not 0 <= self.noise < 1:
                raise DeidError(f"noise must be in [0, 1), noise was {self.noise}.")

    def check(self, model):
        import keras

        if any(isinstance(layer, keras.layers.Dropout) for layer in model._flatten_layers()):
            raise DeidError(f"the method 'noisy' takes no network with dropout, {model.name} has it. Choose another --model.")

    def build(self, model, optimizer):
        import tensorflow as tf

        def step(images, labels, number):
            seed = tf.stack([self.plan.seed, number])
            weights = 1 + self.options.noise * tf.random.stateless_normal(tf.shape(labels), seed)
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
                loss = tf.reduce_sum(tf.where(labels >= 0, losses * weights, 0.0))
                objective = optimizer.scale_loss(loss / self.plan.batch_size)
            optimizer.apply(tape.gradient(objective, model.trainable_variables), model.trainable_variables)
            return loss, count_right(labels, logits)

        return step

    def batches(self, data, batch_size, epoch, shard):
        import tensorflow as tf

        images, labels = map(np.concatenate, zip(*data.test_batches(50).as_numpy_iterator(), strict=True))
        random = np.random.default_rng([self.plan.seed, epoch, shard[0]])
        most = 2 * batch_size

        def draw():
            for _ in range(self.plan.steps_per_epoch * self.plan.devices // shard[1]):
                chosen = np.flatnonzero(random.random(len(labels)) < batch_size / len(labels))[:most]
                missing = most - len(chosen)
                batch = np.concatenate([images[chosen], np.zeros((missing, *images.shape[1:]), np.uint8)])
                yield batch, np.concatenate([labels[chosen], np.full(missing, -1)])

        shapes = (tf.TensorSpec((most, *images.shape[1:]), tf.uint8), tf.TensorSpec((most,), tf.int64))
        return tf.data.Dataset.from_generator(draw, output_signature=shapes)

    def record(self):
        return {"share_of_examples_in_a_batch": self.plan.batch_size / self.plan.examples}
