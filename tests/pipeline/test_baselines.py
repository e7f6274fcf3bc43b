"""The baseline schemes through the pipeline."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds

import tfdeid
from tests.pipeline.test_deid import check_against_source
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.data.batches import DataConfig
from tfdeid.data.metadata import read_facts
from tfdeid.data.naming import making_command
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.image import decode_image, resize
from tfdeid.schemes.block_shuffle import BlockShuffle
from tfdeid.train.config import TrainConfig
from tfdeid.train.trainer import train

SIZES = ("--input_size=24", "--output_size=24")


@pytest.mark.parametrize("scope", ["image", "dataset"])
def test_the_owner_decrypts_from_the_dataset_alone(deid, tmp_path, key_path, scope):
    assert deid("--scheme=block_shuffle", *SIZES, f"--key_scope={scope}", "--limit=20") == 0
    config, key = DeidConfig("block_shuffle", 24, 24, key_scope=scope), Key.load(key_path)
    name = f"lfw_subset_deid/{config.name}"
    records = list(tfds.as_numpy(tfdeid.load(name, split="test", data_dir=tmp_path / "out")))
    assert len(records) == 20
    baseline = BlockShuffle(config, key)
    decrypted = {record["id"].decode(): baseline.decrypt(record["image"], record["id"].decode()) for record in records}
    source = open_source(SourceConfig(limit=20))
    for example in source.read("test", 0, 20):
        image = decode_image(example.image) if isinstance(example.image, bytes) else example.image
        record_id = source.record_ids(key, 2)("test", example)
        np.testing.assert_array_equal(decrypted[record_id], resize(image, 24))
    assert making_command(name) == "python -m beam.deid --scheme block_shuffle --input_size 24 --output_size 24" + (
        " --key_scope image" if scope == "image" else ""
    )


def test_negative_positive_of_a_folder(deid, tmp_path, class_folders, key_path):
    assert deid(f"--dataset=folder:{class_folders}", "--scheme=negative_positive", *SIZES) == 0
    config = DeidConfig("negative_positive", 24, 24)
    records = list(tfds.as_numpy(tfdeid.load("scans_deid", split="train", data_dir=tmp_path / "out")))
    check_against_source(records, SourceConfig(f"folder:{class_folders}"), "train", config, Key.load(key_path))


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("pixelate", {"cells": 6}),
        ("blur", {"sigma": 0.1}),
        ("noise", {"sigma": 0.2}),
        ("dp_pix", {"cells": 6, "epsilon": 8.0, "m": 2}),
        ("blackout", {}),
        ("block_permute", {"cells": 4, "key_scope": "image"}),
        ("etc", {"cells": 6}),
    ],
)
def test_what_others_use_instead(deid, tmp_path, key_path, scheme, options):
    given = [f"--{name}={value}" for name, value in options.items()]
    assert deid(f"--scheme={scheme}", *SIZES, *given, "--limit=6") == 0
    config = DeidConfig(scheme, 24, 24, **options)
    name = f"lfw_subset_deid/{config.name}"
    records = list(tfds.as_numpy(tfdeid.load(name, split="test", data_dir=tmp_path / "out")))
    check_against_source(records, SourceConfig(limit=6), "test", config, Key.load(key_path))
    facts = read_facts(tmp_path / "out" / name / "1.0.0")
    assert DeidConfig.of_facts(facts) == config
    words = making_command(name).split()
    assert {f"--{option}": str(value) for option, value in options.items()}.items() <= dict(
        zip(words[3::2], words[4::2])
    ).items()


def test_gray_sources_are_refused_before_the_work_starts(deid, tmp_path):
    with pytest.raises(DeidError, match="takes colour images only, of three channels"):
        deid("--scheme=negative_positive", *SIZES)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_encrypted_blocks_are_not_augmented_unawares(deid, tmp_path):
    deid("--scheme=block_shuffle", *SIZES, "--limit=8")
    too_large = TrainConfig(model="small", batch_size=512)  # What is refused next.
    still = {"rotation": 0.0, "shift": 0.0, "flip": False}
    for values, message in (
        ({}, r"with rotation 15.0, shift 0.1, flip True. Set --rotation 0 --shift 0 --noflip, or --augment_encrypted"),
        ({**still, "flip": True}, "with flip True"),
        (still, "batch_size"),
        ({"augment_encrypted": True}, "batch_size"),
    ):
        with pytest.raises(DeidError, match=message):
            train(DataConfig("lfw_subset_deid", str(tmp_path / "out"), **values), too_large, str(tmp_path / "run"))
