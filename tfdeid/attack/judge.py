"""A network that was trained on plain images, shown what attackers recovered: whether a machine can tell what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image
from tfdeid.image import resize
from tfdeid.parallel import parallel_map
from tfdeid.terminal import import_tensorflow_for_attackers

_BATCH_SIZE, _LEARNING_RATE = 64, 4e-3
# About a minute and a half on two cores.
_STEPS = 900
# Images are moved by up to this share of their side.
_SHIFT = 1 / 16


def train_judge(
    images: Sequence[Image],
    labels: Sequence[int],
    size: int = 64,
    seed: int = 0,
    num_steps: int | None = None,
    mirrors: bool = True,
    least_steps: int = 0,
) -> Callable[[Image], npt.NDArray[np.intp]]:
    """Trains the network `small` to tell classes of images, mirrored and moved.

    Args:
      images: uint8[H, W, C] each, public, and plain where it is to judge what was recovered.
      labels: the class of each.
      size: pixels a side that the network sees; images are resized.
      seed: of the network and the order of images.
      num_steps: steps of 64 images; None for 900, which take about a minute and a half on two cores, fewer for few images.
      mirrors: whether a mirror image is of the same class.
      least_steps: fewer are not taken where `num_steps` is None, however few images there are.

    Returns:
      A function from uint8[M, S, S, C] to the likeliest classes, intp[M].
    """
    import_tensorflow_for_attackers()
    import keras  # Late: takes seconds to load.
    import tensorflow as tf  # Late: takes seconds to load.

    from tfdeid.attack.networks import apply, draw, mirrored, steps, train  # Late: loads Keras.
    from tfdeid.models import SMALL, make_model  # Late: loads Keras.

    def sized(several: Sequence[Image]) -> Image:
        return np.stack(parallel_map(lambda image: resize(image, size), several))

    num_steps = num_steps or max(least_steps, steps(_STEPS, len(images), _BATCH_SIZE))
    plain, classes = sized(images), np.asarray(labels, np.int64)
    keras.utils.set_random_seed(seed)
    network = make_model(SMALL, size, plain.shape[3], int(classes.max()) + 1)

    def loss(batch: Any, wanted: Any) -> Any:
        logits = network(batch, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits))

    def batches() -> Iterator[tuple[Image, npt.NDArray[np.int64]]]:
        random = np.random.RandomState(seed)
        for chosen, mirror in draw(len(plain), _BATCH_SIZE, seed):
            yield _moved(mirrored(plain[chosen], mirror and mirrors), random), classes[chosen]

    train(network.trainable_variables, loss, batches(), num_steps, _LEARNING_RATE)
    return lambda several: apply(network, sized(list(several))).argmax(1)


def _moved(images: Image, random: np.random.RandomState) -> Image:
    """Returns images moved alike, their edges repeated."""
    size = images.shape[1]
    reach = int(size * _SHIFT)
    top, left = random.randint(2 * reach + 1, size=2)
    wide = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    return wide[:, top : top + size, left : left + size]
