"""What training adds to a step, beside how it is usually written: augmentation, and reading batches."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tests.benchmarks.conftest import photographs
from tfdeid.data import RandomAffine
from tfdeid.data.batches import DataConfig, ImageData

SHAPE = "uint8[64, 224, 224, 3]"
ROUNDS = 40
BATCH_SIZE = 64


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    return tf.constant(np.stack(photographs(224, 64)))


@pytest.fixture
def time_augmentation(benchmark, images):
    def time_it(program: str, augment) -> None:
        benchmark.group = f"augment {SHAPE}"
        benchmark.extra_info.update(program=program)
        augment(images, tf.constant([0, 0]))  # Compiles.
        numbers = itertools.count(1)
        # A transfer to the host ends the measurement on every device.
        benchmark.pedantic(
            lambda seed: augment(images, seed)[0, 0, 0, 0].numpy(),
            setup=lambda: ((tf.constant([0, next(numbers)]),), {}),
            rounds=ROUNDS,
        )

    return time_it


def test_augment(time_augmentation):
    augment = RandomAffine()
    time_augmentation("tfdeid", tf.function(lambda images, seed: augment(images, seed), jit_compile=True))


def test_augment_in_a_step_without_xla(time_augmentation):
    augment = RandomAffine()
    time_augmentation("tfdeid, step without XLA", tf.function(lambda images, seed: augment(images, seed)))


def test_augment_keras(time_augmentation):
    filled = {"fill_mode": "constant", "fill_value": 255.0}
    layers = keras.Sequential(
        [
            keras.layers.RandomRotation(15 / 360, **filled),
            keras.layers.RandomTranslation(0.1, 0.1, **filled),
            keras.layers.RandomFlip("horizontal"),
        ]
    )
    time_augmentation("Keras, three layers", tf.function(lambda images, seed: layers(images, training=True)))


@pytest.fixture
def time_epoch(benchmark):
    def time_it(program: str, make_epoch) -> None:
        benchmark.group = f"read an epoch in batches of {BATCH_SIZE}, 224 x 224"
        benchmark.extra_info.update(program=program)
        numbers = itertools.count()

        def read() -> None:
            for _ in make_epoch(next(numbers)):
                pass

        read()
        benchmark.pedantic(read, rounds=5)

    return time_it


def test_read(time_epoch, prepared):
    name, folder = prepared
    data = ImageData(DataConfig(name, folder), "train")
    time_epoch("tfdeid", lambda epoch: data.train_batches(BATCH_SIZE, 0, epoch))


def test_read_as_usual(time_epoch, prepared):
    name, folder = prepared
    dataset = tfds.load(name, split="train", data_dir=folder, shuffle_files=True, as_supervised=True)
    batches = dataset.map(lambda image, label: (image, label), tf.data.AUTOTUNE).shuffle(10_000)
    batches = batches.batch(BATCH_SIZE, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    time_epoch("tfds.load, map, shuffle, batch", lambda epoch: batches)
