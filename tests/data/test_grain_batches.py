"""Batches for JAX beside those of tf.data."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.made import NAME, make_dataset, picture, serialized
from tfdeid import DeidError
from tfdeid.data.batches import DataConfig, ImageData
from tfdeid.data.grain_batches import GrainData


@pytest.fixture(scope="module", params=["tfrecord", "array_record"])
def config(request, tmp_path_factory) -> DataConfig:
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, {"train": [k % 3 for k in range(41)], "test": [0, 1, 2, -1]}, file_format=request.param, shards=3)
    return DataConfig(NAME, str(folder))


def pairs(batches) -> list[tuple[bytes, int]]:
    return [(np.asarray(image).tobytes(), int(label)) for images, labels in batches for image, label in zip(images, labels)]


def test_an_epoch_has_all_examples_in_an_order_of_its_own(config):
    data = GrainData(config, "train")
    stored = pairs(ImageData(config, "train").test_batches(8))
    epochs = [pairs(data.train_batches(1, 5, epoch)) for epoch in (0, 1, 0)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(stored)
    assert epochs[0] == epochs[2] != epochs[1] and epochs[0] != stored
    assert pairs(data.train_batches(1, 6, 0)) != epochs[0]
    assert [len(images) for images, _ in data.train_batches(8, 5, 0)] == [8] * 5


def test_workers_share_an_epoch(config):
    data = GrainData(config, "train")
    shared = [pairs(data.train_batches(1, 5, 0, (index, 2))) for index in (0, 1)]
    assert sorted(shared[0] + shared[1]) == sorted(pairs(data.train_batches(1, 5, 0)))


def test_tests_are_read_as_they_are_stored(config):
    assert pairs(GrainData(config, "test").test_batches(3)) == pairs(ImageData(config, "test").test_batches(3))


def test_images_are_resized_as_the_scheme_plain_does_it(config):
    import dataclasses

    from tfdeid.image import decode_image, resize

    data = GrainData(dataclasses.replace(config, image_size=20), "test")
    ((images, _),) = data.test_batches(4)
    np.testing.assert_array_equal(images[1], resize(decode_image(picture(1, 1)), 20))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (serialized(0, b"no image"), r"record 1: .*image"),
        (serialized(7, picture(0)), r"record 1: its label must be one of the 3 classes"),
        (serialized(0, picture(0, side=16)), r"record 1: the image is of 16 x 16"),
        (b"\xff\xff", r"record 1: it is no record of a TFDS dataset"),
    ],
)
def test_what_is_damaged_is_named_with_file_and_record(record, message, tmp_path):
    make_dataset(tmp_path, {"train": [serialized(0, picture(0)), record], "test": [0]}, shards=1)
    data = GrainData(DataConfig(NAME, str(tmp_path)), "train")
    with pytest.raises(DeidError, match=rf"made_deid.* can't be read: .*{message}"):
        list(data.read(data.test_batches(2)))
