"""Trains a network to tell other people apart, plain, de-identified under keys of its own, and cleaned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer, TrainingView
from tfdeid.attack.shadow_pairs import reduce_all
from tfdeid.terminal import import_tensorflow_for_attackers

if TYPE_CHECKING:
    import keras

_BATCH_SIZE, _LEARNING_RATE = 96, 2e-3
# A minute or two on two cores.
_STEPS = 500
_DIMENSIONS = 128
_SCALE, _MARGIN = 16.0, 0.2
_SHIFT = 4


class Trained(Recognizer):
    """A small network with a proxy for each person, which all forms of the person's images are drawn to (CosFace, Wang 2018).

    Args:
      num_steps: steps of training; None for 500, fewer for few images.
    """

    name = "trained"
    about = "trains a network on other people's images, plain, de-identified under its own keys and cleaned, to tell who is who"

    def __init__(self, num_steps: int | None = None):
        self._num_steps = num_steps

    def fit(self, view: TrainingView) -> None:
        import_tensorflow_for_attackers()
        import keras  # Late: takes seconds to load.

        from tfdeid.attack.networks import steps  # Late: loads Keras.

        images = np.concatenate([reduce_all(of) for of in view.images.values()])
        people = np.concatenate([view.people[form] for form in view.images])
        keras.utils.set_random_seed(view.seed)
        self._network = _network(images.shape[1:])
        # Forms are several views of one image.
        count = len(view.images[Form.PLAIN])
        _train(self._network, images, people, self._num_steps or steps(_STEPS, count, _BATCH_SIZE // 2), view.seed)

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        from tfdeid.attack.networks import apply  # Late: loads Keras.

        small = reduce_all(images)
        # Which way a face looks, says nothing of whose it is.
        vectors = apply(self._network, np.concatenate([small, small[:, :, ::-1]]))
        return vectors[: len(small)] + vectors[len(small) :]


def _network(shape: tuple[int, ...]) -> keras.Model:
    """Returns a network from uint8[B, 64, 64, C] to float32[B, 128] of length 1."""
    import keras  # Late: takes seconds to load.
    from keras import layers  # Late: takes seconds to load.

    from tfdeid.attack.networks import convolution, scaled  # Late: loads Keras.

    images = keras.Input(shape, dtype="uint8")
    x = convolution(scaled(images), 32, 2)
    for filters in (48, 96, 128):
        x = convolution(x, filters, 2)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(_DIMENSIONS)(x)))


def _train(network: keras.Model, images: Image, people: npt.NDArray[np.intp], num_steps: int, seed: int) -> None:
    import keras  # Late: takes seconds to load.
    import tensorflow as tf  # Late: takes seconds to load.

    from tfdeid.attack.networks import draw, mirrored, train  # Late: loads Keras.

    count = int(people.max()) + 1
    proxies = keras.Variable(np.random.RandomState(seed).randn(count, _DIMENSIONS), dtype="float32")

    def loss(batch: Any, wanted: Any) -> Any:
        cosines = tf.matmul(network(batch, training=True), tf.math.l2_normalize(proxies.value, 1), transpose_b=True)
        logits = _SCALE * (cosines - _MARGIN * tf.one_hot(wanted, count))
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits))

    def batches() -> Iterator[tuple[Image, npt.NDArray[np.intp]]]:
        random = np.random.RandomState(seed)
        for chosen, mirror in draw(len(images), _BATCH_SIZE, seed):
            yield _moved(mirrored(images[chosen], mirror), random), people[chosen]

    train([proxies, *network.trainable_variables], loss, batches(), num_steps, _LEARNING_RATE)


def _moved(images: Image, random: np.random.RandomState) -> Image:
    """Returns images moved alike by a few pixels, their edges repeated."""
    size = images.shape[1]
    top, left = random.randint(2 * _SHIFT + 1, size=2)
    wide = np.pad(images, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    return wide[:, top : top + size, left : left + size]
