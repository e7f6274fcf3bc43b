"""The modes of the scheme structural that are not in the paper, through the pipeline."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import tensorflow_datasets as tfds

import tfdeid
from beam.job import Job, plan_shards
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.cli import main
from tfdeid.data.naming import making_command
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.image import decode_image
from tfdeid.verify import Owner, verify

SIZES = ("--input_size=24", "--output_size=32", "--limit=8")


def records(data_dir, name: str) -> dict[str, np.ndarray]:
    dataset = tfdeid.load(name, split="test", data_dir=data_dir)
    return {record["id"].decode(): record["image"] for record in tfds.as_numpy(dataset)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"axes": "independent"}, None),
        ({"key_scope": "pool:3"}, "key_scope pool:3: up to 3 tables, about 20 ms each: 0.1 s more in each worker process"),
        (
            {"key_scope": "image", "axes": "independent"},
            "key_scope image: a table for each image, about 24 ms each: 0.4 s more of one core in all",
        ),
        ({"colors": "keyed", "bend": True}, None),
    ],
)
def test_a_dataset_in_each_mode(deid, tmp_path, key_path, capsys, options, said):
    arguments = [*SIZES, *(f"--{name}={value}" for name, value in options.items())]
    assert deid(*arguments) == 0
    out = capsys.readouterr().out
    assert (f"{said} (an estimate, measured" in out) if said else "estimate" not in out
    config, key = DeidConfig(input_size=24, output_size=32, **options), Key.load(key_path)
    name = f"lfw_subset_deid/{config.name}"
    found = records(tmp_path / "out", name)
    source, deidentify = open_source(SourceConfig(limit=8)), Deidentifier(config, key)
    for example in source.read("test", 0, 8):
        image_id = source.record_ids(key, config.algorithm_version)("test", example)
        image = decode_image(example.image) if isinstance(example.image, bytes) else example.image
        np.testing.assert_array_equal(found[image_id], deidentify(image, image_id))
    flags = " ".join(f"--{name} {str(value).lower() if value is True else value}" for name, value in options.items())
    assert making_command(name) == f"python -m beam.deid --scheme structural --input_size 24 --output_size 32 {flags}"

    checked = verify(name, str(tmp_path / "out"), Owner(key, "lfw_subset"))
    assert not checked.problems and checked.compared == 16
    command = ["verify", name, "--data_dir", str(tmp_path / "out"), "--source", "lfw_subset", "--key", str(key_path)]
    assert main(command) == 0

    assert deid(*arguments) == 0 and "already complete" in capsys.readouterr().out
    workers = ("--direct_running_mode=multi_threading", "--direct_num_workers=2", "--num_shards=3", "--mode=overwrite")
    assert deid(*arguments, *workers) == 0
    again = records(tmp_path / "out", name)
    assert again.keys() == found.keys() and all((again[name] == image).all() for name, image in found.items())


def test_a_dataset_of_the_paper_keeps_the_identity_it_had_before_there_were_modes():
    key = Key(base64.b64encode(bytes(range(32))))
    source, names, config = SourceConfig(first=4), ("face", "nonface"), DeidConfig(algorithm_version=1)
    job = Job(source, config, "key", key.fingerprint, "", "x_deid", "tfrecord", 1, names, "lfw_subset", "1")
    assert [task.identity[:16] for task in plan_shards(job, open_source(source), key)] == [
        "c0af99534e92a63f",
        "011fc11327f390bf",
    ]


def test_baselines_masks_cost_nothing_worth_saying(deid, capsys):
    assert deid("--scheme=block_shuffle", "--key_scope=image", *SIZES, "--limit=2") == 0
    assert "estimate" not in capsys.readouterr().out
