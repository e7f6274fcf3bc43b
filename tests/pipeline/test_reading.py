"""The result is an ordinary TFDS dataset, also where this package is not installed."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

import tfdeid
from tfdeid import DeidError

# Runs in a process where neither of our packages can be imported.
_STRANGER = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tfdeid", "beam"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import tensorflow_datasets as tfds
data_dir = sys.argv[1]
"""


def stranger(data_dir, code: str) -> None:
    result = subprocess.run([sys.executable, "-c", _STRANGER + code, str(data_dir)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.mark.slow
def test_plain_tfds_reads_it(sample):
    stranger(
        sample,
        """
for name in ("lfw_subset_deid", "lfw_subset_deid/structural_50_224", "lfw_subset_deid/structural_50_224:1.0.0"):
    half, info = tfds.load(name, split="train[:50%]", data_dir=data_dir, with_info=True)
    assert len(half) == len(list(half)) == 80
    assert info.features["label"].names == ["face", "nonface"] and info.splits["test"].num_examples == 40
    assert info.metadata["scheme"] == "structural", info.metadata
batch = next(iter(tfds.load("lfw_subset_deid", split="test", data_dir=data_dir, batch_size=16, as_supervised=True)))
assert batch[0].shape == (16, 224, 224, 1) and batch[0].dtype == "uint8" and batch[1].shape == (16,)
splits = tfds.load("lfw_subset_deid", data_dir=data_dir)
assert set(splits) == {"train", "test"}
builder = tfds.builder_from_directory(data_dir + "/lfw_subset_deid/structural_50_224/1.0.0")
record = next(iter(builder.as_dataset(split="train")))
assert set(record) == {"id", "image", "label"} and len(record["id"].numpy()) == 32
""",
    )


@pytest.fixture
def array_records(deid, tmp_path):
    assert deid("--file_format=array_record", "--num_shards=3") == 0
    return tmp_path / "out"


def test_array_record_has_random_access(array_records, sample):
    source = tfdeid.data_source("lfw_subset_deid", split="train", data_dir=array_records)
    assert len(source) == 160
    by_id = {record["id"]: record for record in tfds.as_numpy(tfdeid.load("lfw_subset_deid", split="train", data_dir=sample))}
    for index in (0, 77, 159):
        np.testing.assert_array_equal(source[index]["image"], by_id[source[index]["id"]]["image"])
    stranger(array_records, 'assert len(tfds.data_source("lfw_subset_deid", split="test", data_dir=data_dir)) == 40')
    with pytest.raises(DeidError, match=r"ArrayRecord.*tfdeid\.data_source"):
        tfdeid.load("lfw_subset_deid", data_dir=array_records)


def test_data_source_of_tfrecord_says_what_to_do(sample):
    with pytest.raises(DeidError, match="--file_format=array_record"):
        tfdeid.data_source("lfw_subset_deid", data_dir=sample)


def test_load_returns_what_tfds_returns(sample):
    options = {"split": ["train[10:20]", "test"], "data_dir": sample, "as_supervised": True, "with_info": True}
    ours, our_info = tfdeid.load("lfw_subset_deid", **options)
    theirs, their_info = tfds.load("lfw_subset_deid", **options)
    assert [part.element_spec for part in ours] == [part.element_spec for part in theirs]
    assert our_info.full_name == their_info.full_name == "lfw_subset_deid/structural_50_224/1.0.0"
    for (a, _), (b, _) in zip(tfds.as_numpy(ours[0]), tfds.as_numpy(theirs[0]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("lfw_subset_deid", r"python -m beam\.deid --output_dir"),
        ("cifar10_deid", r"python -m beam\.deid --dataset cifar10 --output_dir"),
        ("cifar10_deid/structural_32_64", "--dataset cifar10 --scheme structural --input_size 32 --output_size 64"),
        (
            "c_deid/structural_32_64_coordinate_decimals0_grayscale1",
            "64 --coordinate_decimals 0 --grayscale true",
        ),
        ("c_deid/structural_32_64_colorskeyed_bend1", "64 --colors keyed --bend true"),
        (
            "cifar10_deid/structural_32_224_coordinate_decimals0_colorskeyed_bend1",
            "--config configs/cifar10_structural_strong.yaml",
        ),
        ("imagenet2012_deid/structural_32_224", "--config configs/imagenet139_structural.yaml"),
    ],
)
def test_a_missing_dataset_names_the_command_that_makes_it(tmp_path, name, command):
    with pytest.raises(DeidError, match=command):
        tfdeid.load(name, data_dir=tmp_path)


def test_the_command_names_the_source_where_it_lies_beside(tmp_path):
    (tmp_path / "cifar10").mkdir()
    with pytest.raises(DeidError, match=r"--dataset cifar10 --data_dir .* --output_dir"):
        tfdeid.load("cifar10_deid", data_dir=tmp_path)


def test_an_unfinished_dataset_names_resume(deid, tmp_path):
    deid("--limit=2")
    (tmp_path / "out" / "lfw_subset_deid" / "structural_50_224" / "1.0.0" / "features.json").unlink()
    with pytest.raises(DeidError, match="not complete.*--mode=resume"):
        tfdeid.load("lfw_subset_deid", data_dir=tmp_path / "out")


@pytest.mark.parametrize("content", ["", "[]", "null", '{"default_config_name": "structural_50_9"}'])
def test_a_default_config_that_is_damaged_is_mended(deid, tmp_path, content):
    options = ("--limit=2", "--output_size=32")
    assert deid(*options) == 0
    default = tmp_path / "out" / "lfw_subset_deid" / ".config" / "metadata.json"
    kept = default.read_text()
    default.write_text(content)
    assert len(tfdeid.load("lfw_subset_deid", split="train", data_dir=tmp_path / "out")) == 2
    assert deid(*options) == 0, "already complete"
    assert default.read_text() == kept and os.listdir(default.parent) == ["metadata.json"]
    assert len(tfds.load("lfw_subset_deid", split="train", data_dir=tmp_path / "out")) == 2
