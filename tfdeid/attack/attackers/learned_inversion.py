"""Trains a network to give back originals, on shadow pairs: under keys that the attacker draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tfdeid.attack.base import Attacker, Image, Recovery, View
from tfdeid.attack.shadow_pairs import SIZE, ShadowPairs, seen, shadow_pairs
from tfdeid.image import resize
from tfdeid.parallel import parallel_map
from tfdeid.terminal import import_tensorflow_for_attackers

if TYPE_CHECKING:
    import keras

_BATCH_SIZE, _LEARNING_RATE = 32, 2e-3
_STEPS = 400
_SSIM_WEIGHT = 0.5


class LearnedInversion(Attacker):
    """A U-Net (Ronneberger et al. 2015) from a record, reduced to 64 x 64, to its original as it came, reduced alike.

    Args:
      num_steps: steps of training; None for 400, which take about two minutes on two cores, fewer for few images.
      num_keys: the attacker's own keys, among which public images are shared out.
    """

    name = "learned_inversion"
    about = "trains a network, on public images under keys of its own, to give back originals"
    trains = True
    is_run_unasked = False  # It trains the largest network.
    column = "inverted"

    def __init__(self, num_steps: int | None = None, num_keys: int = 100):
        self._num_steps, self._num_keys = num_steps, num_keys

    def __call__(self, view: View) -> Recovery:
        import_tensorflow_for_attackers()
        import keras  # Late: takes seconds to load.

        from tfdeid.attack.networks import apply, steps  # Late: loads Keras.

        pairs = shadow_pairs(view, self._num_keys)
        num_steps = self._num_steps or steps(_STEPS, len(view.public), _BATCH_SIZE)
        keras.utils.set_random_seed(view.seed)
        network = _network(pairs.originals.shape[3])
        _train(network, pairs, num_steps, view.seed)
        made = apply(network, _with_places(seen(view.records, view.config)))
        small = np.clip(np.rint(127.5 * (made + 1)), 0, 255).astype(np.uint8)
        size = view.records.shape[1]
        images = np.stack(parallel_map(lambda image: resize(image, size), list(small)))
        return Recovery(images, note=f"trained on {len(view.public):,} public images in {num_steps:,} steps")


def _with_places(images: Image) -> Image:
    """Returns uint8[B, 64, 64, K + 2]: where a pixel is says how far it has moved."""
    line = np.linspace(0, 255, images.shape[1]).astype(np.uint8)
    places = np.stack(np.meshgrid(line, line), axis=-1)
    return np.concatenate([images, np.broadcast_to(places, (*images.shape[:3], 2))], axis=3)


def _network(channels: int) -> keras.Model:
    """Returns a network from uint8[B, 64, 64, 2 C + 2] to float32[B, 64, 64, C] near [-1, 1], at first the second C given."""
    import keras  # Late: takes seconds to load.
    from keras import layers  # Late: takes seconds to load.

    from tfdeid.attack.networks import convolution, scaled  # Late: loads Keras.

    images = keras.Input((SIZE, SIZE, 2 * channels + 2), dtype="uint8")
    pixels = scaled(images)
    fine = convolution(convolution(pixels, 32, 2), 32)
    middle = convolution(convolution(fine, 64, 2), 64)
    coarse = convolution(convolution(middle, 128, 2), 128)
    # What the whole image says, at every place.
    whole = layers.Dense(64, activation="relu")(layers.Flatten()(convolution(coarse, 32, 2)))
    whole = layers.UpSampling2D(coarse.shape[1])(layers.Reshape((1, 1, 64))(whole))
    x = convolution(layers.Concatenate()([coarse, whole]), 128)
    for skipped, filters in ((middle, 64), (fine, 32)):
        x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(filters, 1)(x))
        x = convolution(layers.Concatenate()([x, skipped]), filters)
    x = convolution(x, 32)
    change = layers.Conv2DTranspose(channels, 4, 2, padding="same", kernel_initializer="zeros")(x)
    return keras.Model(images, layers.Add()([pixels[..., channels : 2 * channels], change]))


def _train(network: keras.Model, pairs: ShadowPairs, num_steps: int, seed: int) -> None:
    import tensorflow as tf  # Late: takes seconds to load.

    from tfdeid.attack.networks import draw, mirrored, train  # Late: loads Keras.

    def loss(records: Any, originals: Any) -> Any:
        wanted = tf.cast(originals, tf.float32) / 127.5 - 1
        made = network(records, training=True)
        return tf.reduce_mean(tf.abs(made - wanted)) + _SSIM_WEIGHT * (1 - _ssim(made, wanted))

    def batches() -> Iterator[tuple[Image, Image]]:
        for chosen, mirror in draw(len(pairs.records), _BATCH_SIZE, seed):
            yield _with_places(mirrored(pairs.records[chosen], mirror)), mirrored(pairs.originals[chosen], mirror)

    train(network.trainable_variables, loss, batches(), num_steps, _LEARNING_RATE)


def _ssim(made: Any, wanted: Any) -> Any:
    """Returns the mean SSIM of images in [-1, 1] in windows of 3 x 3 pixels."""
    import tensorflow as tf  # Late: takes seconds to load.

    def mean(images: Any) -> Any:
        return tf.nn.avg_pool2d(images, 3, 1, "VALID")

    mean_made, mean_wanted = mean(made), mean(wanted)
    variances = mean(made * made) - mean_made**2 + mean(wanted * wanted) - mean_wanted**2
    covariance = mean(made * wanted) - mean_made * mean_wanted
    # Its constants are (0.01 R)**2 and (0.03 R)**2 with R = 2, the range of values, and it wants black to be 0.
    black_made, black_wanted = mean_made + 1, mean_wanted + 1
    means = (2 * black_made * black_wanted + 0.0004) / (black_made**2 + black_wanted**2 + 0.0004)
    return tf.reduce_mean(means * (2 * covariance + 0.0036) / (variances + 0.0036))
