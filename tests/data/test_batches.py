"""Batches for training: their order, their pixels, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeid import DeidConfig, Deidentifier, DeidError
from tfdeid.data.batches import DataConfig, ImageData, check_same_content


def all_of(batches) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.fixture(scope="module")
def config(faces) -> DataConfig:
    return DataConfig("lfw_subset_deid", str(faces), shuffle_buffer=50)


@pytest.mark.parametrize("cache", [False, True])
def test_each_epoch_has_every_example_in_an_order_of_its_own(config, faces, cache):
    config = dataclasses.replace(config, cache=cache)
    data, again = ImageData(config, "train"), ImageData(config, "train")
    epochs = [all_of(data.train_batches(16, seed=0, epoch=epoch)) for epoch in range(2)]
    stored = {example["image"].tobytes(): example["label"] for example in stored_examples(faces)}
    assert len(stored) == 160
    for images, labels in epochs:
        assert {image.tobytes(): label for image, label in zip(images, labels, strict=True)} == stored
    assert not np.array_equal(epochs[0][0], epochs[1][0])
    # A run that begins with epoch 1 sees what one that has been through epoch 0 sees.
    np.testing.assert_array_equal(all_of(again.train_batches(16, seed=0, epoch=1))[0], epochs[1][0])
    assert not np.array_equal(all_of(again.train_batches(16, seed=1, epoch=0))[0], epochs[0][0])


def test_a_cache_needs_no_files_once_an_epoch_has_begun(config, faces, tmp_path):
    shutil.copytree(faces / "lfw_subset_deid", tmp_path / "lfw_subset_deid")
    data = ImageData(dataclasses.replace(config, data_dir=str(tmp_path), cache=True), "train")
    next(iter(data.train_batches(16, 0, 0)))
    for path in tmp_path.rglob("*.tfrecord-*"):
        path.unlink()
    assert len(all_of(data.train_batches(16, 0, 1))[1]) == 160


def stored_examples(faces, split="train"):
    return list(tfds.as_numpy(tfds.load("lfw_subset_deid", split=split, data_dir=faces)))


def test_workers_share_an_epoch_out(config):
    data = ImageData(config, "train")
    whole = [image.tobytes() for image in all_of(data.train_batches(10, 3, 0))[0]]
    parts = [[image.tobytes() for image in all_of(data.train_batches(10, 3, 0, (index, 2)))[0]] for index in range(2)]
    assert [len(part) for part in parts] == [80, 80]
    assert [image for pair in zip(*parts, strict=True) for image in pair] == whole


def test_test_batches_are_all_examples_in_stored_order(config, faces):
    images, labels = all_of(ImageData(config, "test").test_batches(16))
    examples = stored_examples(faces, "test")
    np.testing.assert_array_equal(images, [example["image"] for example in examples])
    np.testing.assert_array_equal(labels, [example["label"] for example in examples])


def test_a_sub_split_is_a_part(config):
    data = ImageData(config, "train[:25%]")
    assert data.size == 40 == len(all_of(data.train_batches(8, 0, 0))[1])


@pytest.mark.parametrize("name", ["cifar10_deid/plain_32_75", "cifar10_deid/plain_24_40"])
def test_without_the_plain_dataset_its_source_is_resized_alike(shared_tfds, cifar10, name):
    data = ImageData(DataConfig(name, str(shared_tfds)), "test[:200]")
    images, _ = all_of(data.test_batches(50))
    input_size, output_size = map(int, name.split("_")[-2:])
    assert data.name == "cifar10/3.0.2" and data.image_size == output_size
    plain = Deidentifier(DeidConfig(scheme="plain", input_size=input_size, output_size=output_size))
    apart = np.abs(images.astype(int) - [plain(image) for image in cifar10])
    # Between rows and columns Pillow rounds to 8 bits and cuts off what is below 0 or above 255, TensorFlow does not.
    assert apart.max() <= 10 and apart.mean() < 0.3 and (apart > 2).mean() < 2e-4


def test_images_of_several_sizes_need_a_size(shared_tfds):
    with pytest.raises(DeidError, match="--image_size"):
        ImageData(DataConfig("imagenet2012", str(shared_tfds)), "validation")
    data = ImageData(DataConfig("imagenet2012", str(shared_tfds), image_size=64), "validation")
    assert all_of(data.test_batches(16))[0].shape == (30, 64, 64, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dataset": "cifar10_deid/structural_50_75"},
            r"makes it: .* --config configs/cifar10_structural_50_to_75\.yaml --output_dir",
        ),
        ({"dataset": "cifar10_deid/plain_32_75"}, "unknown dataset"),
        ({"dataset": "lfw_subset"}, "unknown dataset 'lfw_subset'"),
    ],
)
def test_a_missing_dataset_says_what_to_do(config, changes, message):
    with pytest.raises(DeidError, match=message):
        ImageData(dataclasses.replace(config, **changes), "train")


def test_an_unknown_split_names_the_known_ones(config):
    with pytest.raises(DeidError, match=r"unknown split 'tests'.*Did you mean 'test'"):
        ImageData(config, "tests")


@pytest.mark.parametrize("split", ["test[abc]", "train[0%:", "test[:999999]", "test[:0]", "test[5:2]"])
def test_a_split_that_cannot_be_is_refused(config, split):
    with pytest.raises(DeidError, match="split"):
        ImageData(config, split)


def test_splits_are_joined(config):
    assert ImageData(config, "train+test").size == 200


def test_values_are_checked():
    for bad in (
        {"image_size": 1},
        {"image_size": "75"},
        {"shuffle_buffer": 0},
        {"rotation": 200},
        {"shift": "far"},
        {"fill": 0.5},
    ):
        with pytest.raises(DeidError, match=next(iter(bad))):
            DataConfig(**bad)
    assert DataConfig(shift="1e-1").shift == 0.1  # So YAML gives it.


def test_what_a_network_cannot_be_tested_on_is_refused(config, faces, faces_of_another_key):
    data = ImageData(config, "train")
    shape = (data.image_size, data.channels)
    check_same_content(data.facts, shape, data.label_names, ImageData(config, "test"))
    other = ImageData(dataclasses.replace(config, data_dir=str(faces_of_another_key)), "test")
    with pytest.raises(DeidError, match="same key"):
        check_same_content(data.facts, shape, data.label_names, other)
    with pytest.raises(DeidError, match="size and channels"):
        check_same_content(data.facts, (75, 3), data.label_names, other)
    with pytest.raises(DeidError, match="classes must be the 1 "):
        check_same_content(data.facts, shape, ["face"], other)
    with pytest.raises(DeidError, match="same scheme"):
        check_same_content({**other.facts, "scheme": "plain"}, shape, data.label_names, other)
