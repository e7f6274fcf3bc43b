"""Draws from a dataset: the seed's, without what is damaged, which is named."""

from __future__ import annotations

import pathlib
import types
import warnings

import numpy as np
import pytest

from tfdeid.data.draw import Draw, draw_images, read_examples, read_images
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError, DeidWarning
from tfdeid.image import encode_png


def folder(root: pathlib.Path, count: int, damaged: tuple[int, ...] = ()) -> SourceConfig:
    """Writes images whose gray is their number."""
    root.mkdir()
    for number in range(count):
        image = encode_png(np.full((2, 2, 1), number, np.uint8))
        (root / f"{number:03}.png").write_bytes(b"<html>404</html>" if number in damaged else image)
    return SourceConfig(dataset=f"folder:{root}")


def grays(images: list[np.ndarray]) -> list[int]:
    return [int(image[0, 0, 0]) for image in images]


@pytest.mark.parametrize(("size", "count"), [(10, 4), (10, 10), (200, 3)])
def test_a_draw_is_that_of_the_seed_in_the_source_s_order(tmp_path, size, count):
    config = folder(tmp_path / "x", size)
    # As NumPy draws without replacement, which is frozen for RandomState.
    wanted = sorted(np.random.RandomState(5).choice(size, count, replace=False))
    with warnings.catch_warnings(action="error"):
        assert grays(draw_images(config, None, count, 5)) == wanted
    assert grays(draw_images(config, "train", size + 1, 5, at_most=True)) == list(range(size))
    with pytest.raises(DeidError, match=rf"num_images must be in \[1, {size}\], num_images was {size + 1}."):
        draw_images(config, "train", size + 1, 5)


def test_what_is_damaged_is_named_and_the_next_is_drawn(tmp_path):
    order = list(map(int, np.random.RandomState(5).permutation(10)))
    config = folder(tmp_path / "x", 10, damaged=(order[1], order[4], order[9]))
    with pytest.warns(DeidWarning) as told:
        drawn = grays(draw_images(config, None, 4, 5))
    # In the place of the second and of the fifth, which was to come for it.
    assert drawn == sorted([order[0], order[2], order[3], order[5]])
    said = str(told[0].message)
    assert len(told) == 1 and "left out 2 images that are damaged" in said and f"{order[9]:03}.png" not in said
    for number in (order[1], order[4]):
        assert f"split 'train', example {number}, id '{number:03}.png': an image must be a file of a known kind" in said


def test_fewer_are_left_than_were_asked_for(tmp_path):
    config = folder(tmp_path / "x", 6, damaged=(2, 3))
    with pytest.warns(DeidWarning, match="left out 2 images"):
        assert grays(draw_images(config, None, 5, 0)) == [0, 1, 4, 5]


def test_all_are_damaged(tmp_path):
    config = folder(tmp_path / "x", 120, damaged=tuple(range(120)))
    with pytest.raises(
        DeidError, match=r"none of the 120 images of folder:.* decoded. split 'train', example \d+, id '\d+.png'"
    ):
        draw_images(config, None, 1, 0)


def test_a_split_of_nothing(monkeypatch):
    monkeypatch.setattr("tfdeid.data.draw.open_source", lambda config: types.SimpleNamespace(splits={"train": 0}, warnings=[]))
    with pytest.raises(DeidError, match="split 'train' of lfw_subset has no images"):
        draw_images(SourceConfig(), None, 5, 0, at_most=True)


def test_a_list_of_many_ends(tmp_path):
    config = folder(tmp_path / "x", 30, damaged=tuple(range(25)))
    with pytest.warns(DeidWarning, match="left out 25 images.* and 15 more$"):
        assert len(draw_images(config, None, 30, 0)) == 5


def test_an_image_too_small_is_damaged_too(tmp_path):
    config = folder(tmp_path / "x", 3)
    (tmp_path / "x" / "001.png").write_bytes(encode_png(np.zeros((1, 7, 1), np.uint8)))
    with pytest.warns(DeidWarning, match=r"id '001.png': an image must be .* at least 2x2: got uint8\[1, 7, 1\]"):
        assert grays(draw_images(config, None, 3, 0)) == [0, 2]
    with pytest.raises(DeidError, match="001.png: an image must be .* at least 2x2"):
        read_images([str(tmp_path / "x" / "001.png")])


def test_a_draw_goes_on_where_it_stopped(tmp_path):
    source = open_source(folder(tmp_path / "x", 40, damaged=tuple(range(0, 40, 2))))
    whole, parts = Draw(source, "train", 1), Draw(source, "train", 1)
    numbers = [drawn.number for drawn in whole.take(40)]
    assert len(numbers) == 20 and whole.left == 0 and len(whole.damaged) == 20
    assert [drawn.number for count in (1, 0, 7, 3, 40) for drawn in parts.take(count)] == numbers
    assert parts.damaged == whole.damaged
    without = Draw(source, "train", 1, without=numbers[:5])
    assert [drawn.number for drawn in without.take(40)] == numbers[5:]


def test_much_that_is_damaged_takes_few_passes(tmp_path, monkeypatch):
    source = open_source(folder(tmp_path / "x", 256, damaged=tuple(range(255))))
    passes = []
    monkeypatch.setattr("tfdeid.data.draw.read_examples", lambda *given: passes.append(given) or read_examples(*given))
    draw = Draw(source, "train", 0)
    assert [drawn.number for drawn in draw.take(2)] == [255] and len(passes) <= 8


def test_examples_come_in_the_order_of_their_places(tmp_path):
    source = open_source(folder(tmp_path / "x", 101))
    for numbers in ([3, 100], [7, 100, 0, 5], []):
        assert [example.index for example in read_examples(source, "train", numbers)] == numbers


def test_a_home_that_is_nobody_s(tmp_path):
    with pytest.raises(DeidError, match="~nosuchuser/x.png can't be read: No such file or directory."):
        read_images(["~nosuchuser/x.png"])
