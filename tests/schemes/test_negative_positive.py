"""The paper's baseline: pixels against a plain reading of the paper, and what the key does."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.image import resize
from tfdeid.schemes.keystream import KeyStream
from tfdeid.schemes.negative_positive import NegativePositive

RANDOM = np.random.RandomState(0)
KEY = Key.generate()
# Digests of small encrypted images under the fixed key.
PINNED = {1: ["ccdef74bd4cde0c3", "b0519284f13e7ba7"], 2: ["702d018393307d93", "9da4683057d1b1b2"]}


def scheme(size: int, key: Key = KEY, **values) -> NegativePositive:
    return NegativePositive(DeidConfig("negative_positive", size, size, **values), key)


def image_of(size: int) -> np.ndarray:
    return RANDOM.randint(0, 256, (size, size, 3), np.uint8)


def read_off(encrypt, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds, by encrypting two images, where each value comes from and whether it is negated, [N, N, 3] both."""
    black, marked = np.zeros((size, size, 3), np.uint8), np.zeros((size, size, 3), np.uint8)
    marked[:] = (1, 2, 3)
    base = encrypt(black)
    assert set(np.unique(base)) == {0, 255}
    return (encrypt(marked) ^ base).astype(int) - 1, base == 255


@pytest.mark.parametrize("scope", ["dataset", "image"])
@given(data=st.data())
def test_decryption_gives_the_image_back(scope, data):
    size = data.draw(st.integers(2, 9))
    image = data.draw(nps.arrays(np.uint8, (size, size, 3)))
    image_id = data.draw(st.text(max_size=9))
    both = scheme(size, key_scope=scope)
    before = image.copy()
    np.testing.assert_array_equal(both.decrypt(both.encrypt(image, image_id), image_id), image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("version", "whose"), [(1, ""), (2, ", input size 7")])
def test_pixels_are_the_papers(fixed_key, version, whose):
    """Pixel by pixel, with bits by channel, then pixel, and after them the orders."""
    size, image = 7, image_of(7)
    stream = KeyStream(fixed_key, f"negative_positive v1, 3 channels{whose}")
    bits, orders = stream.bits(3 * size * size), stream.below(6, size * size)
    expected = np.empty_like(image)
    for pixel, (y, x) in enumerate(itertools.product(range(size), range(size))):
        values = {}
        for channel, name in enumerate("RGB"):
            p = int(image[y, x, channel])
            values[name] = 255 - p if bits[channel * size * size + pixel] else p
        order = ("RGB", "GRB", "RBG", "GBR", "BRG", "BGR")[orders[pixel]]
        expected[y, x] = [values[name] for name in order]
    np.testing.assert_array_equal(scheme(size, fixed_key, algorithm_version=version).encrypt(image), expected)


def test_half_of_the_values_are_negated_and_all_orders_are_as_frequent():
    size = 64
    sources, negated = read_off(scheme(size).encrypt, size)
    count = 3 * size * size
    assert abs(negated.sum() - count / 2) < 5 * np.sqrt(count / 4)
    for channel in range(3):
        assert abs(negated[..., channel].mean() - 1 / 2) < 5 / (2 * size)
    found, counts = np.unique(sources.reshape(-1, 3), axis=0, return_counts=True)
    assert found.tolist() == [list(order) for order in itertools.permutations(range(3))]
    assert (np.abs(counts - size * size / 6) < 5 * np.sqrt(size * size * 5 / 36)).all()


def test_negation_does_not_tell_the_order():
    sources, negated = read_off(scheme(64).encrypt, 64)
    for channel in range(3):
        where = sources[..., 0] == channel
        assert abs(negated[..., 0][where].mean() - 1 / 2) < 5 / (2 * np.sqrt(where.sum()))


@pytest.mark.parametrize("version", PINNED)
def test_same_key_same_pixels_in_every_process(fixed_key, version):
    image = np.arange(6 * 6 * 3, dtype=np.uint8).reshape(6, 6, 3)
    shared = scheme(6, fixed_key, algorithm_version=version).encrypt(image)
    own = scheme(6, fixed_key, key_scope="image", algorithm_version=version).encrypt(image, "a")
    assert [hashlib.sha256(each.tobytes()).hexdigest()[:16] for each in (shared, own)] == PINNED[version]


def test_another_key_and_another_image_give_other_pixels():
    image = image_of(16)
    first = scheme(16).encrypt(image)
    assert (scheme(16, Key.generate()).encrypt(image) != first).mean() > 0.5
    np.testing.assert_array_equal(scheme(16).encrypt(image, "any id"), first)
    of_images = scheme(16, key_scope="image")
    assert (of_images.encrypt(image, "a") != of_images.encrypt(image, "b")).mean() > 0.5
    assert (of_images.encrypt(image, "a") != first).mean() > 0.5
    assert (of_images.decrypt(of_images.encrypt(image, "a"), "b") != image).mean() > 0.5


def test_an_image_is_stretched_after_encryption():
    config = DeidConfig("negative_positive", 16, 40)
    image = image_of(16)
    expected = resize(NegativePositive(config, KEY).encrypt(image), 40)
    np.testing.assert_array_equal(Deidentifier(config, KEY)(image), expected)


def test_gray_is_refused_with_the_papers_reason():
    with pytest.raises(DeidError, match="takes colour images only, of three channels"):
        Deidentifier(DeidConfig("negative_positive", 16, 16), KEY)(image_of(16)[..., :1])
    with pytest.raises(DeidError, match="grayscale is not for the scheme 'negative_positive', which takes colour images only"):
        DeidConfig("negative_positive", grayscale=True)


def test_a_missing_id_and_a_wrong_shape_are_clear_errors():
    for work in (scheme(16, key_scope="image").encrypt, scheme(16, key_scope="image").decrypt):
        with pytest.raises(DeidError, match=r"key_scope 'image' needs the id of each image, none was given"):
            work(image_of(16))
    for work in (scheme(16).encrypt, scheme(16).decrypt):
        with pytest.raises(DeidError, match=r"uint8\[16, 16, 1 or 3\] here.*got uint8\[12, 12, 3\]"):
            work(image_of(12))


def test_it_needs_a_key():
    with pytest.raises(DeidError, match="'negative_positive' needs a key"):
        Deidentifier(DeidConfig("negative_positive"))
