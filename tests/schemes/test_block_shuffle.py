"""Tanaka's scheme: pixels against a plain reading of the paper, and what the key does."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.image import resize
from tfdeid.schemes.block_shuffle import BlockShuffle
from tfdeid.schemes.keystream import KeyStream

RANDOM = np.random.RandomState(0)
KEY = Key.generate()
# Digests of small encrypted images under the fixed key.
PINNED = {
    1: ["4dbffe06cedf63d3", "be72ad95007c2290", "66230ed20f0960bf"],
    2: ["11356a096685acd0", "71d7f62a890d6869", "372fd1e84e51910a"],
}


def scheme(size: int, key: Key = KEY, **values) -> BlockShuffle:
    return BlockShuffle(DeidConfig("block_shuffle", size, size, **values), key)


def image_of(size: int, channels: int = 3) -> np.ndarray:
    return RANDOM.randint(0, 256, (size, size, channels), np.uint8)


@pytest.mark.parametrize("scope", ["dataset", "image"])
@given(data=st.data())
def test_decryption_gives_the_image_back(scope, data):
    size, channels = 4 * data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 3]))
    image = data.draw(nps.arrays(np.uint8, (size, size, channels)))
    image_id = data.draw(st.text(max_size=9))
    both = scheme(size, key_scope=scope)
    before = image.copy()
    np.testing.assert_array_equal(both.decrypt(both.encrypt(image, image_id), image_id), image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("version", "whose"), [(1, ""), (2, ", input size 12")])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_the_papers(fixed_key, channels, version, whose):
    """Block by block, as lists of half-bytes."""
    size, image, count = 12, image_of(12, channels), 32 * channels
    stream = KeyStream(fixed_key, f"block_shuffle v1, {channels} channels{whose}")
    reverse, order = stream.bits(count), stream.permutation(count)
    expected = np.empty_like(image)
    for top in range(0, size, 4):
        for left in range(0, size, 4):
            values = [int(value) for row in image[top : top + 4, left : left + 4] for pixel in row for value in pixel]
            halves = [value % 16 for value in values] + [value // 16 for value in values]
            halves = [15 - half if reversed_ else half for half, reversed_ in zip(halves, reverse, strict=True)]
            halves = [halves[place] for place in order]
            joined = [16 * upper + lower for lower, upper in zip(halves[: count // 2], halves[count // 2 :], strict=True)]
            expected[top : top + 4, left : left + 4] = np.array(joined).reshape(4, 4, channels)
    np.testing.assert_array_equal(scheme(size, fixed_key, algorithm_version=version).encrypt(image), expected)


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_every_block_is_treated_alike(scope):
    block = image_of(4)
    encrypted = scheme(20, key_scope=scope).encrypt(np.tile(block, (5, 5, 1)), "a")
    np.testing.assert_array_equal(encrypted, np.tile(encrypted[:4, :4], (5, 5, 1)))


def test_every_half_comes_from_one_place_and_about_half_are_reversed():
    encrypt = scheme(4).encrypt
    black = encrypt(np.zeros((4, 4, 3), np.uint8))
    halves = np.concatenate([black.ravel() & 15, black.ravel() >> 4])
    assert set(halves.tolist()) == {0, 15}
    assert abs((halves == 15).sum() - 48) < 5 * np.sqrt(24)
    places = set()
    for place in range(48):
        for value in (0x0F, 0xF0):
            image = np.zeros(48, np.uint8)
            image[place] = value
            (changed,) = np.flatnonzero(difference := encrypt(image.reshape(4, 4, 3)).ravel() ^ black.ravel())
            assert difference[changed] in (0x0F, 0xF0)
            places.add((changed, difference[changed]))
    assert len(places) == 96


@pytest.mark.parametrize("version", PINNED)
def test_same_key_same_pixels_in_every_process(fixed_key, version):
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    shared, gray = (
        scheme(8, fixed_key, algorithm_version=version).encrypt(image),
        scheme(8, fixed_key, algorithm_version=version).encrypt(image[..., :1]),
    )
    own = scheme(8, fixed_key, key_scope="image", algorithm_version=version).encrypt(image, "a")
    assert [hashlib.sha256(each.tobytes()).hexdigest()[:16] for each in (shared, gray, own)] == PINNED[version]


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_masks_of_two_sizes_have_nothing_in_common(fixed_key, scope):
    """Until algorithm version 1 the draws for the smaller one were the first of those for the larger."""

    def bits(size: int, version: int) -> np.ndarray:
        made = scheme(size, fixed_key, key_scope=scope, algorithm_version=version)
        return made.encrypt(np.zeros((size, size, 3), np.uint8), "a")[:4, :4]

    equal = {version: (bits(8, version) == bits(16, version)).mean() for version in (1, 2)}
    assert equal[1] == 1 and equal[2] < 0.8


def test_another_key_and_another_image_give_other_pixels():
    image = image_of(16)
    first = scheme(16).encrypt(image)
    assert (scheme(16, Key.generate()).encrypt(image) != first).mean() > 0.9
    np.testing.assert_array_equal(scheme(16).encrypt(image, "any id"), first)
    of_images = scheme(16, key_scope="image")
    assert (of_images.encrypt(image, "a") != of_images.encrypt(image, "b")).mean() > 0.9
    assert (of_images.encrypt(image, "a") != first).mean() > 0.9
    assert (of_images.decrypt(of_images.encrypt(image, "a"), "b") != image).mean() > 0.9


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_stretched_after_encryption(channels):
    config = DeidConfig("block_shuffle", 16, 40)
    image = image_of(16, channels)
    expected = resize(BlockShuffle(config, KEY).encrypt(image), 40)
    np.testing.assert_array_equal(Deidentifier(config, KEY)(image), expected)


@pytest.mark.parametrize(("size", "advice"), [(50, "Use 48 or 52"), (2, "Use 4")])
def test_the_input_size_must_be_a_multiple_of_the_block(size, advice):
    with pytest.raises(DeidError, match=rf"multiple of 4 .*input_size was {size}\. {advice}"):
        DeidConfig("block_shuffle", size)


def test_a_missing_id_and_a_wrong_shape_are_clear_errors():
    for work in (scheme(16, key_scope="image").encrypt, scheme(16, key_scope="image").decrypt):
        with pytest.raises(DeidError, match=r"key_scope 'image' needs the id of each image, none was given"):
            work(image_of(16))
    for work in (scheme(16).encrypt, scheme(16).decrypt):
        with pytest.raises(DeidError, match=r"uint8\[16, 16, 1 or 3\] here.*got uint8\[12, 12, 3\]"):
            work(image_of(12))


def test_it_needs_a_key():
    with pytest.raises(DeidError, match="'block_shuffle' needs a key"):
        Deidentifier(DeidConfig("block_shuffle", 48))
