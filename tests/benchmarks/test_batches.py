"""Reading batches to train on, beside how it is usually written."""

from __future__ import annotations

import itertools

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfdeid.data.batches import DataConfig, ImageData
from tfdeid.data.grain_batches import GrainData

BATCH_SIZE = 64


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


def test_read_by_grain(time_epoch, prepared):
    name, folder = prepared
    data = GrainData(DataConfig(name, folder), "train")
    time_epoch("tfdeid, by Grain for JAX", lambda epoch: data.train_batches(BATCH_SIZE, 0, epoch))


def test_read_as_usual(time_epoch, prepared):
    name, folder = prepared
    dataset = tfds.load(name, split="train", data_dir=folder, shuffle_files=True, as_supervised=True)
    batches = dataset.map(lambda image, label: (image, label), tf.data.AUTOTUNE).shuffle(10_000)
    batches = batches.batch(BATCH_SIZE, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    time_epoch("tfds.load, map, shuffle, batch", lambda epoch: batches)
