"""Blocks that change places: where each goes, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.image import resize
from tfdeid.schemes.block_permute import BlockPermute
from tfdeid.schemes.blocks import join_blocks, split_blocks
from tfdeid.schemes.etc import Etc
from tfdeid.schemes.keystream import KeyStream

KEY = Key.generate()
RANDOM = np.random.RandomState(0)
SCHEMES = {"block_permute": BlockPermute, "etc": Etc}


def scheme(name: str, size: int, cells: int, key: Key = KEY, **values):
    return SCHEMES[name](DeidConfig(name, size, size, cells=cells, **values), key)


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("name", SCHEMES)
@given(data=st.data())
def test_decryption_gives_the_image_back(name, scope, data):
    cells = data.draw(st.integers(2, 4))
    size, channels = cells * data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 3]))
    image, image_id = data.draw(nps.arrays(np.uint8, (size, size, channels))), data.draw(st.text(max_size=9))
    both, before = scheme(name, size, cells, key_scope=scope), image.copy()
    np.testing.assert_array_equal(both.decrypt(both.encrypt(image, image_id), image_id), image)
    np.testing.assert_array_equal(image, before)


def test_blocks_are_rows_of_squares():
    image = np.arange(36).reshape(6, 6, 1).astype(np.uint8)
    blocks = split_blocks(image, 3)
    assert blocks[1, :, :, 0].tolist() == [[2, 3], [8, 9]] and blocks[3, :, :, 0].tolist() == [[12, 13], [18, 19]]
    np.testing.assert_array_equal(join_blocks(blocks), image)
    several = RANDOM.randint(0, 256, (5, 12, 12, 3), np.uint8)
    np.testing.assert_array_equal(join_blocks(split_blocks(several, 4)), several)
    np.testing.assert_array_equal(split_blocks(several, 4)[2], split_blocks(several[2], 4))


def test_each_block_goes_where_the_key_says(fixed_key):
    image = RANDOM.randint(0, 256, (20, 20, 3), np.uint8)
    order = KeyStream(fixed_key, "block_permute v1, 4 cells, 3 channels, input size 20").order(16)
    assert sorted(order) == list(range(16)) and list(order) != sorted(order)
    found = scheme("block_permute", 20, 4, fixed_key).encrypt(image)
    for place, block in enumerate(order):
        (top, left), (y, x) = divmod(place, 4), divmod(int(block), 4)
        np.testing.assert_array_equal(
            found[5 * top : 5 * top + 5, 5 * left : 5 * left + 5], image[5 * y : 5 * y + 5, 5 * x : 5 * x + 5]
        )


def test_orders_are_equally_likely(fixed_key):
    stream = KeyStream(fixed_key, "orders")
    firsts = np.bincount([stream.order(5)[0] for _ in range(2000)], minlength=5)
    assert (np.abs(firsts - 400) < 5 * np.sqrt(320)).all()
    assert sorted(stream.order(1000)) == list(range(1000))


@pytest.mark.parametrize("name", SCHEMES)
def test_another_key_image_size_or_number_of_cells_gives_another_order(name):
    image = RANDOM.randint(0, 256, (24, 24, 3), np.uint8)
    first, own = scheme(name, 24, 4).encrypt(image), scheme(name, 24, 4, key_scope="image")
    np.testing.assert_array_equal(scheme(name, 24, 4).encrypt(image, "any id"), first)
    for other in (scheme(name, 24, 4, Key.generate()).encrypt(image), own.encrypt(image, "a"), own.encrypt(image, "b")):
        assert (other != first).mean() > 0.5
    assert (own.encrypt(image, "a") != own.encrypt(image, "b")).mean() > 0.5


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_stretched_after_encryption(name, channels):
    config, image = DeidConfig(name, 16, 40, cells=4), RANDOM.randint(0, 256, (16, 16, channels), np.uint8)
    np.testing.assert_array_equal(Deidentifier(config, KEY)(image), resize(SCHEMES[name](config, KEY).encrypt(image), 40))


@pytest.mark.parametrize("name", SCHEMES)
def test_what_can_not_be_is_said(name):
    with pytest.raises(
        DeidError, match=r"input_size must be a multiple of cells .*input_size was 50\. Use 48 or 56, or other cells"
    ):
        DeidConfig(name, 50, cells=8)
    with pytest.raises(DeidError, match=r"cells must be a whole number in \[2, 4096\]"):
        DeidConfig(name, 48, cells=1)
    with pytest.raises(DeidError, match="key_scope 'image' needs the id of each image"):
        scheme(name, 16, 4, key_scope="image").encrypt(np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(DeidError, match=f"'{name}' needs a key"):
        Deidentifier(DeidConfig(name, 48))


def test_how_many_orders_there_are():
    """n! * 8^n * 2^n * 6^n (Kurihara et al. 2015), gray without the channels' orders."""
    orders = math.log2(math.factorial(16))
    assert DeidConfig("block_permute", 48, cells=4).key_space().images_log2 == pytest.approx(orders)
    assert DeidConfig("etc", 48).key_space().images_log2 == pytest.approx(orders + 16 * math.log2(8 * 2 * 6))
    assert DeidConfig("etc", 48).key_space(channels=1).images_log2 == pytest.approx(orders + 16 * 4)
    assert DeidConfig("etc", 48).key_space().fixed_values == 64
