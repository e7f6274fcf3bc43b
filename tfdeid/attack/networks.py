"""What the networks of attackers share: layers and a training loop that counts steps, not seconds, and says nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from tfdeid.errors import DeidError

_WARM_UP = 0.1
_WEIGHT_DECAY = 1e-3
_AT_ONCE = 250
_ROUNDS = 40


def scaled(images: Any) -> Any:
    """Brings bytes to [-1, 1]."""
    return layers.Rescaling(1 / 127.5, offset=-1)(images)


def convolution(x: Any, filters: int, strides: int = 1) -> Any:
    """3 x 3, normalized, then ReLU."""
    x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def train(
    variables: Sequence[keras.Variable],
    loss: Callable[..., Any],
    batches: Iterator[Sequence[npt.NDArray[Any]]],
    num_steps: int,
    learning_rate: float,
) -> None:
    """Trains variables by Adam, the rate first rising, then falling along a cosine.

    Args:
      variables: what is trained.
      loss: of the arrays of a batch, which it puts through networks with `training=True`.
      batches: at least `num_steps`.
      num_steps: steps.
      learning_rate: the highest.

    Raises:
      DeidError: they diverged, or memory does not suffice.
    """
    warm = max(1, int(_WARM_UP * num_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / warm, max(1, num_steps - warm), warmup_target=learning_rate, warmup_steps=warm
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=_WEIGHT_DECAY)
    optimizer.build(variables)

    @tf.function
    def step(*batch: Any) -> None:
        with tf.GradientTape() as tape:
            value = loss(*batch)
        optimizer.apply(tape.gradient(value, variables), variables)

    with _enough_memory():
        for _ in range(num_steps):
            step(*(tf.constant(array) for array in next(batches)))
    # What is no number would be made a black image, or the class 0, by whoever rounds or compares it.
    if not all(np.isfinite(variable.numpy()).all() for variable in variables):
        raise DeidError(f"a network must stay finite, it diverged in {num_steps:,} steps of training. Try another --seed.")


def steps(most: int, count: int, batch_size: int) -> int:
    """Returns how many steps of training there are: as many as are usual, but for few images at most some rounds."""
    return min(most, 1 + _ROUNDS * count // batch_size)


def draw(count: int, batch_size: int, seed: int) -> Iterator[tuple[npt.NDArray[np.intp], bool]]:
    """Yields numbers of the examples of a batch, none twice, and whether to mirror them, for ever."""
    random = np.random.RandomState(seed)
    while True:
        order = random.permutation(count)
        for start in range(0, count - min(batch_size, count) + 1, batch_size):
            yield order[start : start + batch_size], bool(random.randint(2))


def mirrored(images: npt.NDArray[np.uint8], mirror: bool) -> npt.NDArray[np.uint8]:
    return images[:, :, ::-1] if mirror else images


def apply(network: keras.Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Returns what a network makes of images, in parts of one size so that it is compiled once or twice.

    Raises:
      DeidError: something of it is no number, or memory does not suffice.
    """
    call = tf.function(lambda batch: network(batch, training=False))
    parts = [images[start : start + _AT_ONCE] for start in range(0, len(images), _AT_ONCE)]
    with _enough_memory():
        made = np.concatenate([call(tf.constant(part)).numpy() for part in parts])
    if not np.isfinite(made).all():
        raise DeidError("what a network makes must be numbers, some were NaN or infinite: it diverged. Try another --seed.")
    return made


@contextlib.contextmanager
def _enough_memory() -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise DeidError("memory does not suffice for a network. Lower num_images or num_public.") from error
