"""What augmentation adds to a step, beside Keras's own layers, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from tests.benchmarks.conftest import photographs
from tfdeid.data import RandomAffine

BACKEND = keras.backend.backend()
SHAPE = "uint8[64, 224, 224, 3]"
ROUNDS = 40


def compiled(augment: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that XLA compiles."""
    if BACKEND == "jax":
        import jax

        return jax.jit(augment)
    import tensorflow as tf

    return tf.function(augment, jit_compile=True)


@pytest.fixture(scope="module")
def images() -> Any:
    return keras.ops.convert_to_tensor(np.stack(photographs(224, 64)))


@pytest.fixture
def time_augmentation(benchmark, images):
    def time_it(program: str, augment: Callable[..., Any]) -> None:
        benchmark.group = f"augment {SHAPE}, {BACKEND}"
        benchmark.extra_info.update(program=program)
        numbers = itertools.count()

        def seed() -> Any:
            return keras.ops.convert_to_tensor(np.asarray([0, next(numbers)], np.int32))

        augment(images, seed())  # Compiles.
        # A transfer to the host ends the measurement on every device.
        benchmark.pedantic(
            lambda seed: keras.ops.convert_to_numpy(augment(images, seed)[0, 0, 0, 0]),
            setup=lambda: ((seed(),), {}),
            rounds=ROUNDS,
        )

    return time_it


def test_augment(time_augmentation):
    augment = RandomAffine()
    time_augmentation("tfdeid", compiled(lambda images, seed: augment(images, seed=seed)))


def test_augment_in_a_step_without_xla(time_augmentation):
    if BACKEND != "tensorflow":
        pytest.skip("JAX has no step without XLA")
    import tensorflow as tf

    augment = RandomAffine()
    time_augmentation("tfdeid, step without XLA", tf.function(lambda images, seed: augment(images, seed=seed)))


def test_augment_keras(time_augmentation):
    filled = {"fill_mode": "constant", "fill_value": 255.0}
    layers = keras.Sequential(
        [
            keras.layers.RandomRotation(15 / 360, **filled),
            keras.layers.RandomTranslation(0.1, 0.1, **filled),
            keras.layers.RandomFlip("horizontal"),
        ]
    )
    if BACKEND == "jax":
        import jax

        layers.build((None, 224, 224, 3))
        # Seeds are state, which JAX hands in and out.
        state = [variable.value for variable in layers.non_trainable_variables]
        step = jax.jit(lambda images: layers.stateless_call([], state, images, training=True)[0])
        time_augmentation("Keras, three layers", lambda images, seed: step(images))
        return
    import tensorflow as tf

    time_augmentation("Keras, three layers", tf.function(lambda images, seed: layers(images, training=True)))
