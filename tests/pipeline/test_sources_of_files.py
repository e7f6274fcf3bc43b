"""Runs from WebDataset archives and Parquet files to TFDS datasets, local and remote, and what a changed file does to one."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow_datasets as tfds

from beam.deid import run
from tests.data.prepared import image_structs, write_parquet, write_tar
from tests.pipeline.test_remote_files import check_equal, local_files
from tfdeid import DeidError, Key
from tfdeid.image import encode_png
from tfdeid.verify import Owner, verify

SIZES = ("--input_size=16", "--output_size=32", "--num_shards=2")
FEATURES = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b"]}}
# What is in the second of two files in place of an image.
CHANGED = 99


def image(number: int) -> bytes:
    return encode_png(np.random.RandomState(number).randint(0, 256, (12, 12, 3)).astype(np.uint8))


def write_archives(folder: pathlib.Path, last: int = 9) -> str:
    for part, numbers in enumerate(((0, 1, 2, 3), (4, 5, 6, 7, 8, last))):
        members = [
            member
            for place, number in enumerate(numbers)
            for member in ((f"{part}{place}.png", image(number)), (f"{part}{place}.cls", f"{place % 2}".encode()))
        ]
        write_tar(folder / f"train-{part:06d}.tar", members)
    return "wds:{}/train-{{000000..000001}}.tar"


def write_columns(folder: pathlib.Path, last: int = 9) -> str:
    for part, numbers in enumerate(((0, 1, 2, 3), (4, 5, 6, 7, 8, last))):
        columns = {"image": image_structs([image(number) for number in numbers]), "label": [k % 2 for k in range(len(numbers))]}
        write_parquet(folder / f"train-{part:05d}-of-00002.parquet", columns, FEATURES, rows_a_group=3)
    return "parquet:{}/train-*.parquet"


WRITERS = pytest.mark.parametrize("write", [write_archives, write_columns], ids=["wds", "parquet"])
Write = Callable[..., str]


@WRITERS
def test_ten_images(write: Write, deid, tmp_path, key_path, capsys):
    dataset = f"--dataset={write(tmp_path / 'pets').format(tmp_path / 'pets')}"
    assert deid(dataset, *SIZES) == 0
    assert "read 10 = written 10 + failed 0" in capsys.readouterr().out
    (folder,) = (tmp_path / "out" / "pets_deid").glob("*/1.0.0")
    rows = list(tfds.builder_from_directory(folder).as_dataset(split="train").as_numpy_iterator())
    assert sorted(int(row["label"]) for row in rows) == [0] * 5 + [1] * 5
    owner = Owner(Key.load(key_path), dataset.partition("=")[2])
    found = verify("pets_deid", str(tmp_path / "out"), owner)
    assert not found.problems and found.known == found.compared == 10
    assert deid(dataset, *SIZES) == 0 and "already complete" in capsys.readouterr().out
    # Another image is noticed, and only its shard is made again.
    write(tmp_path / "pets", last=CHANGED)
    with pytest.raises(DeidError, match="1 of 2 shards are of images or labels that have changed .*--mode=resume"):
        deid(dataset, *SIZES)
    assert deid(dataset, *SIZES, "--mode=resume") == 0
    assert "resuming: 1 of 2 shards" in capsys.readouterr().out
    assert not verify("pets_deid", str(tmp_path / "out"), owner).problems


@WRITERS
def test_a_trial_takes_of_each_class(write: Write, deid, tmp_path, capsys):
    dataset = write(tmp_path / "pets").format(tmp_path / "pets")
    assert deid(f"--dataset={dataset}", *SIZES, "--limit=4") == 0
    assert "limit 4: 4 of train, drawn by class_seed 0, as many of each class as can be" in capsys.readouterr().out
    (folder,) = (tmp_path / "out" / "pets_deid").glob("*/1.0.0")
    rows = tfds.builder_from_directory(folder).as_dataset(split="train").as_numpy_iterator()
    assert sorted(int(row["label"]) for row in rows) == [0, 0, 1, 1]


@WRITERS
def test_from_a_remote_store(write: Write, deid, storage, tmp_path, key_path, capsys):
    pattern = write(tmp_path / "pets")
    storage.put(tmp_path / "pets", "gs://bucket/pets")
    assert deid(f"--dataset={pattern.format(tmp_path / 'pets')}", *SIZES) == 0
    places = [f"--dataset={pattern.format('gs://bucket/pets')}", "--output_dir=gs://bucket/out"]
    assert run(["--runner=FnApiRunner", f"--key={key_path}", *places, *SIZES]) == 0
    check_equal(storage.files("gs://bucket/out"), local_files(tmp_path / "out"))
    with pytest.raises(DeidError, match="gs://bucket/none.* can't be read|matches no file"):
        run(["--runner=FnApiRunner", f"--key={key_path}", f"--dataset={pattern.format('gs://bucket/none')}", *SIZES])


def test_what_fails_and_what_is_left_out_are_counted(deid, tmp_path, capsys):
    members = [("0.png", image(0)), ("0.cls", b"1"), ("1.png", b"damaged"), ("2.png", image(2)), ("3.cls", b"0")]
    write_tar(tmp_path / "pets" / "0.tar", members)
    assert deid(f"--dataset=wds:{tmp_path}/pets/0.tar", *SIZES, "--max_failed_ratio=0.5") == 0
    said = capsys.readouterr().out
    assert "read 3 = written 2 + failed 1" in said
    assert said.count("samples without an image: 1") == 2 and "samples without cls, which are unlabelled: 2" in said
    write_parquet(tmp_path / "rows" / "0.parquet", {"image": image_structs([image(0), None, image(1)])})
    assert deid(f"--dataset=parquet:{tmp_path}/rows/0.parquet", *SIZES, "--max_failed_ratio=0.5") == 0
    assert "read 3 = written 2 + failed 1" in capsys.readouterr().out
