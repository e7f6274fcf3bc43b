"""What is trained and tested on."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfdeid import DeidError
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.experiments.splits import Splits, choose_splits, held_out


@pytest.mark.parametrize(
    ("sizes", "train", "test"),
    [
        ({"train": 5, "test": 3}, "train", "test"),
        ({"validation": 3, "train": 5}, "train", "validation"),
        ({"train": 5, "validation": 9, "test": 3}, "train", "test"),
        ({"a": 5, "b": 9}, "b", "a"),
        ({"unsupervised": 90, "train": 5, "test": 0, "val": 2}, "train", "val"),
    ],
)
def test_names_of_splits(sizes, train, test):
    assert choose_splits(sizes, "x") == Splits(train, test)


def test_one_split_is_too_few():
    with pytest.raises(DeidError, match="a split to train on and another to test on are needed, x has train alone"):
        choose_splits({"train": 5}, "x")


@pytest.fixture
def one_folder(tmp_path):
    for number in range(60):
        path = tmp_path / "scans" / f"c{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path)
    return f"folder:{tmp_path / 'scans'}"


def test_a_fifth_is_held_out_where_there_is_one_split(one_folder):
    config = held_out(SourceConfig(one_folder))
    source = open_source(config)
    assert dict(source.splits) == {"train": 48, "test": 12} and choose_splits(source.splits, "x") == Splits("train", "test")
    ids = [{example.source_id for example in source.read(split, 0, size)} for split, size in source.splits.items()]
    assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 60


def test_sources_with_both_splits_are_left_alone():
    assert held_out(SourceConfig("lfw_subset")) == SourceConfig("lfw_subset")


def test_too_few_images(tmp_path):
    (tmp_path / "few" / "a").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "few" / "a" / "1.png")
    with pytest.raises(DeidError, match="must have at least 20 images to compare methods on, it has 1"):
        held_out(SourceConfig(f"folder:{tmp_path / 'few'}"))
