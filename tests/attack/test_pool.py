"""Pools: what is drawn, whose it is, and the ids by which records are made anew."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest

from beam.deid import run
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.attack.case import Target
from tfdeid.attack.pool import open_pool, pool_of
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError, DeidWarning
from tfdeid.image import encode_png

KEY = Key("A" * 42 + "g=")
CONFIG = DeidConfig("plain", 4, 8)
SIZES = {"ann": 3, "bob": 5, "cid": 1}


def people(root: pathlib.Path) -> SourceConfig:
    """Writes images whose gray is the number of the image, some of them in another split."""
    number = 0
    for name, size in SIZES.items():
        for k in range(size):
            folder = root / ("test" if k == 2 else "train") / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{k}.png").write_bytes(encode_png(np.full((4, 6, 1), number, np.uint8)))
            number += 1
    return SourceConfig(f"folder:{root}")


def grays(pool) -> list[int]:
    return [int(image[0, 0, 0]) for image in pool.images]


def test_a_pool_is_the_source_with_values_and_ids(tmp_path):
    source = people(tmp_path / "x")
    pool = open_pool(open_source(source), "folder", KEY, CONFIG, 100, seed=0)
    assert pool.feature == "folder" and sorted(grays(pool)) == list(range(9))
    assert [(gray, name) for gray, name in zip(grays(pool), pool.values)][:2] == [(2, "ann"), (5, "bob")]  # The split test.
    assert {image.shape for image in pool.images} == {(4, 6, 1)}
    opened = open_source(source)
    record_id = opened.record_ids(KEY, CONFIG.algorithm_version)
    assert list(pool.ids) == [
        record_id(split, example) for split, size in opened.splits.items() for example in opened.read(split, 0, size)
    ]
    record = Deidentifier(CONFIG, KEY)(pool.images[0], pool.ids[0])
    assert record.shape == (8, 8, 1) and int(record[0, 0, 0]) == 2
    assert grays(open_pool(open_source(source), "folder", KEY, CONFIG, 100, 0, splits=["train"])) == [0, 1, 3, 4, 6, 7, 8]
    assert len(set(open_pool(open_source(source), "folder", None, CONFIG, 100, 0).ids)) == 9
    some = pool.taking([1, 0])
    assert grays(some) == [5, 2] and list(some.values) == ["bob", "ann"] and list(some.ids) == [pool.ids[1], pool.ids[0]]


def test_a_draw_is_the_seed_s_and_takes_groups_whole(tmp_path):
    source = people(tmp_path / "x")
    drawn = [grays(open_pool(open_source(source), "folder", KEY, CONFIG, 4, seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 4
    for seed in range(5):
        for count in range(1, 10):
            pool = open_pool(open_source(source), "folder", KEY, CONFIG, count, seed, whole_groups=True)
            assert len(pool.values) <= count and all(pool.values.count(name) == SIZES[name] for name in set(pool.values))
    pool = open_pool(open_source(source), "folder", KEY, CONFIG, 9, 0, whole_groups=True, least=3)
    assert set(pool.values) == {"ann", "bob"}
    with pytest.raises(DeidError, match="at least 6 and at most 9 images of one value of 'folder'"):
        open_pool(open_source(source), "folder", KEY, CONFIG, 9, 0, whole_groups=True, least=6)
    with pytest.raises(DeidError, match="unknown split 'val'"):
        open_pool(open_source(source), "folder", KEY, CONFIG, 9, 0, splits=["val"])


def test_what_is_damaged_is_left_out_and_colours_are_those_of_the_dataset(tmp_path):
    source = people(tmp_path / "x")
    (tmp_path / "x" / "train" / "bob" / "0.png").write_bytes(b"<html>404</html>")
    (tmp_path / "x" / "train" / "cid" / "0.png").write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
    with pytest.warns(DeidWarning, match="left out 1 image that is damaged"):
        pool = open_pool(open_source(source), "folder", KEY, CONFIG, 100, seed=0)
    assert len(pool.images) == 8 and {image.shape[2] for image in pool.images} == {3}


def test_originals_that_a_dataset_was_not_made_of_are_refused(tmp_path):
    KEY.save(tmp_path / "key")
    owned, other = people(tmp_path / "owned"), people(tmp_path / "other")
    options = [f"--dataset={owned.dataset}", f"--output_dir={tmp_path}", f"--key={tmp_path / 'key'}", "--num_shards=1"]
    assert run(["--runner=FnApiRunner", "--scheme=structural", "--input_size=4", "--output_size=8", *options]) == 0
    target = Target("owned_deid", data_dir=str(tmp_path), originals=owned.dataset)
    pool, config = pool_of(target, "folder", KEY)
    assert len(pool.images) == sum(SIZES.values()) and config.scheme == "structural"
    with pytest.raises(DeidError, match="owned_deid was made of .*owned.*; the originals given are .*other"):
        pool_of(dataclasses.replace(target, originals=other.dataset), "folder", KEY)
