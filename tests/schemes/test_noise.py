"""Gaussian noise: its distribution, whom it belongs to, and what the key does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.image import resize
from tfdeid.schemes.noise import Noise

RANDOM = np.random.RandomState(0)
MIDDLE = np.full((64, 64, 3), 127, np.uint8)


def noise_of(key: Key, image_id: str = "a", size: int = 64, image: np.ndarray = MIDDLE, **values) -> np.ndarray:
    """Returns the noise that a gray image gets."""
    return Noise(DeidConfig("noise", size, size, **values), key).encrypt(image[:size, :size], image_id).astype(int) - 127


@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_it_is_as_strong_as_said(fixed_key, sigma):
    found = noise_of(fixed_key, sigma=sigma).ravel()
    # Rounding adds a twelfth of a level.
    levels = np.sqrt((255 * sigma) ** 2 + 1 / 12)
    assert stats.kstest(found + RANDOM.rand(found.size) - 0.5, stats.norm(scale=levels).cdf).pvalue > 0.01
    assert found.std() == pytest.approx(levels, rel=0.03) and abs(found.mean()) < 4 * levels / np.sqrt(found.size)


def test_images_strengths_sizes_and_keys_have_noise_of_their_own(fixed_key):
    """Of two that are each other's multiples, an image can be reckoned."""
    first = noise_of(fixed_key).ravel()
    others = [noise_of(fixed_key, "b"), noise_of(fixed_key, sigma=0.2), noise_of(Key("k" * 44))]
    others += [noise_of(fixed_key, size=32)]
    for other in others:
        assert abs(np.corrcoef(first[: other.size], other.ravel())[0, 1]) < 0.07
    np.testing.assert_array_equal(noise_of(fixed_key), noise_of(fixed_key))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_key_takes_it_away_where_nothing_was_cut_off(fixed_key, channels):
    scheme = Noise(DeidConfig("noise", 32, 32), fixed_key)
    image = RANDOM.randint(0, 256, (32, 32, channels), np.uint8)
    noisy = scheme.encrypt(image, "a")
    found, inside = scheme.decrypt(noisy, "a"), (noisy > 0) & (noisy < 255)
    assert inside.mean() > 0.6
    np.testing.assert_array_equal(found[inside], image[inside])
    assert scheme.decrypts


def test_the_image_is_stretched_after_it(fixed_key):
    config, image = DeidConfig("noise", 16, 40), RANDOM.randint(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(
        Deidentifier(config, fixed_key)(image, "a"), resize(Noise(config, fixed_key).encrypt(image, "a"), 40)
    )


@pytest.mark.parametrize("name", ["noise", "dp_pix"])
def test_ids_and_a_key_are_needed(fixed_key, name):
    config = DeidConfig(name, 16, 16)
    assert config.needs_ids and config.per_image() == {"scheme": name}
    with pytest.raises(
        DeidError, match=f"the scheme '{name}' needs the id of each image, none was given. .* or use another scheme"
    ):
        Deidentifier(config, fixed_key)(MIDDLE)
    with pytest.raises(DeidError, match=f"the scheme '{name}' needs a key"):
        Deidentifier(config)


def test_it_says_what_the_key_fixes():
    space = DeidConfig("noise", 10).key_space()
    assert space.fixed_values == 300 and space.each_image and "300 values" in str(space)
    assert DeidConfig("noise", 10, grayscale=True).key_space().fixed_values == 100
