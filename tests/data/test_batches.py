"""Batches for training: their order, their pixels, and what is refused."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.data.made import FACTS, NAME, make_dataset, picture, serialized
from tfdeid import DeidConfig, Deidentifier, DeidError
from tfdeid.data.batches import DataConfig, ImageData, check_testable, check_trainable
from tfdeid.data.same_content import check_same_content


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


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_examples_without_labels_are_counted_in_the_part_that_is_chosen(tmp_path, file_format):
    make_dataset(tmp_path, {"train": [0, 1, 2, 0, -1, 1, -1, 2, 0, -1], "test": [-1, -1]}, file_format=file_format)
    config = DataConfig(NAME, str(tmp_path))
    counts = {"train": 3, "train[:4]": 0, "train[4:7]": 2, "train[5:6]": 0, "train[-2:]": 1, "train[1:5]+test": 3, "test": 2}
    assert {split: ImageData(config, split).unlabelled for split in counts} == counts
    check_trainable(ImageData(config, "train[:4]"))
    with pytest.raises(
        DeidError, match=r"3 of the 10 in split 'train' of made_deid\S* have none \(-1\).*another --train_split"
    ):
        check_trainable(ImageData(config, "train"))
    check_testable(ImageData(config, "train"), "--split")
    with pytest.raises(DeidError, match=r"all 2 in split 'test' of made_deid\S* have none \(-1\).*another --split"):
        check_testable(ImageData(config, "test"), "--split")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (3, "one of the 3 classes, or -1 for none, it is 3"),
        (-2, "it is -2"),
        (None, "it is missing"),
        (b"\xff no example", "no record of a TFDS dataset"),
    ],
)
def test_a_label_that_cannot_be_names_its_record(tmp_path, record, message):
    make_dataset(tmp_path, {"train": [0, 1, 2, 0, record, 1]})
    for split in ("train", "train[1:]", "train[4:]"):
        with pytest.raises(DeidError, match=rf"tfrecord-00001-of-00002, record 1: .*{message}.* Copy or make"):
            _ = ImageData(DataConfig(NAME, str(tmp_path)), split).unlabelled


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_a_file_with_fewer_records_than_its_metadata_say(tmp_path, file_format):
    folder = make_dataset(tmp_path, {"train": [0, 1, 2, 0], "test": [0, 1]}, file_format=file_format)
    (folder / f"{NAME}-test.{file_format}-00000-of-00002").replace(folder / f"{NAME}-train.{file_format}-00000-of-00002")
    with pytest.raises(DeidError, match=rf"made_deid-train.{file_format}-00000-of-00002, record .: it (breaks off|has only 1)"):
        _ = ImageData(DataConfig(NAME, str(tmp_path)), "train").unlabelled


def test_another_file_format_is_refused(tmp_path):
    info = make_dataset(tmp_path, {"train": [0, 1]}) / "dataset_info.json"
    info.write_text(info.read_text().replace('"fileFormat": "tfrecord"', '"fileFormat": "parquet"'))
    with pytest.raises(DeidError, match="stored as parquet; a dataset must be stored as tfrecord or array_record"):
        ImageData(DataConfig(NAME, str(tmp_path)), "train")


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
@pytest.mark.parametrize("image", [b"no image", picture(0)[:60], b"", picture(0, side=31)], ids=["text", "cut", "empty", "31"])
def test_an_image_that_cannot_be_is_named(tmp_path, image, file_format):
    records = [0, 1, 2, 0, 1, serialized(1, image), 2, 1]
    make_dataset(tmp_path, {"train": records}, file_format=file_format, shards=3)
    for split, cache in (("train[1:]", False), ("train[4:]", True)):
        data = ImageData(DataConfig(NAME, str(tmp_path), cache=cache), split)
        for batches in (data.train_batches(4, 0, 0), data.test_batches(2)):
            with pytest.raises(
                DeidError, match=rf"{NAME}-train.{file_format}-00001-of-00003, record 2: .*Copy or make"
            ) as error:
                list(data.read(batches))
            assert "\n" not in str(error.value)


def test_a_file_that_is_damaged_after_its_labels_were_read_is_named(tmp_path):
    for file_format in ("tfrecord", "array_record"):
        folder = make_dataset(tmp_path / file_format, {"train": [0, 1, 2, 0]}, file_format=file_format)
        data = ImageData(DataConfig(NAME, str(tmp_path / file_format)), "train")
        assert data.unlabelled == 0
        path = folder / f"{NAME}-train.{file_format}-00001-of-00002"
        path.write_bytes(path.read_bytes()[:600] + b"?" + path.read_bytes()[601:])
        with pytest.raises(DeidError, match=f"{path.name}, record 0: (?!.*Traceback).*Copy or make"):
            list(data.read(data.train_batches(4, 0, 0)))


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("split", ["train", "train[13:77]"])
def test_both_file_formats_give_the_same_batches(tmp_path, split, cache):
    labels = [k % 3 for k in range(100)]
    both = []
    for file_format in ("tfrecord", "array_record"):
        folder = tmp_path / f"{file_format} [1]*? {{a,b}} é"  # Nothing in it is a pattern.
        make_dataset(folder, {"train": labels}, file_format=file_format, shards=4)
        config = DataConfig(NAME, str(folder), shuffle_buffer=20, cache=cache)
        data = ImageData(config, split)
        batches = [data.test_batches(16), *(data.train_batches(16, 5, epoch) for epoch in range(2))]
        both.append([all_of(one) for one in batches])
    for (images, labels), (others, theirs) in zip(*both, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(labels, theirs)
    assert not np.array_equal(both[0][1][0], both[0][2][0])  # Epochs have orders of their own.


@pytest.mark.parametrize(
    ("trained", "tested", "message"),
    [
        ({}, {"bend": False, "seed": 0}, None),
        ({"bend": False, "input_size": 50}, {}, None),
        ({"later": 1}, {"later": 1}, None),
        ({}, {"bend": True}, "same parameters as .*: its bend is True, not False"),
        ({"colors": "keyed"}, {}, "its colors is 'own', not 'keyed'"),
        ({}, {"later": 1}, "only one of .* has the parameter 'later'"),
        ({"later": None}, {}, "only one of .* has the parameter 'later'"),
        ({"later": 1}, {"later": 2}, "its later is 2, not 1"),
    ],
)
def test_a_parameter_that_an_earlier_version_did_not_have_has_its_default(tmp_path, trained, tested, message):
    facts = [{**FACTS, "deid": {**FACTS["deid"], **more}} for more in (trained, tested)]
    make_dataset(tmp_path, {"test": [0, 1]}, facts=facts[1])
    data = ImageData(DataConfig(NAME, str(tmp_path)), "test")
    with pytest.raises(DeidError, match=message) if message else contextlib.nullcontext():
        check_same_content(facts[0], (32, 1), ["a", "b", "c"], data)


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
