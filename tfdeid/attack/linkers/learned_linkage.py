"""Trains two networks, one for records and one for originals, until what belongs together lies together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.comparing import keyless
from tfdeid.attack.shadow_pairs import ShadowPairs, reduce_all, seen, shadow_pairs
from tfdeid.terminal import import_tensorflow_for_attackers

if TYPE_CHECKING:
    import keras

_BATCH_SIZE, _LEARNING_RATE = 128, 2e-3
_STEPS = 500
_DIMENSIONS = 128
_FIRST_SCALE = 10.0


class LearnedLinkage(Linker):
    """Embeddings by a contrastive loss (InfoNCE, van den Oord et al. 2018) on shadow pairs.

    Args:
      num_steps: steps of training; None for 500, which take about two minutes on two cores, fewer for few images.
      num_keys: the attacker's own keys, among which public images are shared out.
    """

    name = "learned_linkage"
    about = "trains a network, on public images under keys of its own, to tell which records and originals belong together"
    trains = True

    def __init__(self, num_steps: int | None = None, num_keys: int = 100):
        self._num_steps, self._num_keys = num_steps, num_keys

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        import_tensorflow_for_attackers()
        import keras  # Late: takes seconds to load.

        from tfdeid.attack.networks import apply, steps  # Late: loads Keras.

        pairs = shadow_pairs(view, self._num_keys)
        num_steps = self._num_steps or steps(_STEPS, len(view.public), _BATCH_SIZE)
        keras.utils.set_random_seed(view.seed)
        towers = _tower(pairs.records.shape[1:]), _tower(_both(pairs.traced, pairs.originals).shape[1:])
        _train(towers, pairs, num_steps, view.seed)
        traced = reduce_all(list(keyless(view.config, candidates)))
        as_they_came = view.candidate_sources if len(view.candidate_sources) == len(candidates) else candidates
        originals = _both(traced, reduce_all(as_they_came))
        of_records, of_originals = apply(towers[0], seen(view.records, view.config)), apply(towers[1], originals)
        return of_records.astype(np.float64) @ of_originals.T


def _both(traced: Image, originals: Image) -> Image:
    return np.concatenate([traced, originals], axis=3)


def _tower(shape: tuple[int, ...]) -> keras.Model:
    """Returns a network from uint8[B, 64, 64, K] to float32[B, 128] of length 1."""
    import keras  # Late: takes seconds to load.
    from keras import layers  # Late: takes seconds to load.

    from tfdeid.attack.networks import convolution, scaled  # Late: loads Keras.

    images = keras.Input(shape, dtype="uint8")
    x = layers.AveragePooling2D(2)(scaled(images))
    for filters in (32, 64, 128, 128):
        x = convolution(x, filters, 2)
    x = layers.Dense(_DIMENSIONS)(layers.Flatten()(x))
    return keras.Model(images, layers.UnitNormalization()(x))


def _train(towers: tuple[keras.Model, keras.Model], pairs: ShadowPairs, num_steps: int, seed: int) -> None:
    import keras  # Late: takes seconds to load.
    import tensorflow as tf  # Late: takes seconds to load.

    from tfdeid.attack.networks import draw, mirrored, train  # Late: loads Keras.

    log_scale = keras.Variable(np.log(_FIRST_SCALE), dtype="float32")

    def loss(records: Any, originals: Any) -> Any:
        of_records, of_originals = towers[0](records, training=True), towers[1](originals, training=True)
        logits = tf.exp(log_scale.value) * tf.matmul(of_records, of_originals, transpose_b=True)
        right = tf.range(tf.shape(logits)[0])
        both_ways = [tf.nn.sparse_softmax_cross_entropy_with_logits(right, way) for way in (logits, tf.transpose(logits))]
        return tf.reduce_mean(tf.stack(both_ways))

    def batches() -> Iterator[tuple[Image, Image]]:
        for chosen, mirror in draw(len(pairs.records), _BATCH_SIZE, seed):
            originals = _both(pairs.traced[chosen], pairs.originals[chosen])
            yield mirrored(pairs.records[chosen], mirror), mirrored(originals, mirror)

    variables = [log_scale, *(variable for tower in towers for variable in tower.trainable_variables)]
    train(variables, loss, batches(), num_steps, _LEARNING_RATE)
