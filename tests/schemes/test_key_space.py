"""The counts of the papers, and what the key fixes."""

from __future__ import annotations

import math

import pytest

from tfdeid import DeidConfig, DeidError
from tfdeid.schemes.key_space import KeySpace


def key_space(config: DeidConfig, channels: int = 3) -> KeySpace:
    return config.key_space(channels)


def test_small_counts_are_those_of_the_formulas():
    assert 2 ** key_space(DeidConfig("structural", 2)).images_log2 == pytest.approx(5**4)
    assert 2 ** key_space(DeidConfig("negative_positive", 2)).images_log2 == pytest.approx(8**4 * 6**4)
    colour, gray = key_space(DeidConfig("block_shuffle", 4)), key_space(DeidConfig("block_shuffle", 4), channels=1)
    assert colour.images_log2 == pytest.approx(math.log2(math.factorial(96) * 2**96))
    assert gray.images_log2 == pytest.approx(math.log2(math.factorial(32) * 2**32))
    assert key_space(DeidConfig("block_shuffle", 4, grayscale=True)) == gray


def test_larger_images_have_larger_counts_but_not_in_block_shuffle():
    assert key_space(DeidConfig("structural", 50)).images_log2 == pytest.approx(2500 * math.log2(2501))
    assert key_space(DeidConfig("negative_positive", 32)).images_log2 == pytest.approx(1024 * math.log2(48))
    assert key_space(DeidConfig("block_shuffle", 48)) == key_space(DeidConfig("block_shuffle", 4))


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (DeidConfig(), 501),
        (DeidConfig(coordinate_decimals=0), 51),
        (DeidConfig(axes="independent"), 2 * 501),
        (DeidConfig(key_scope="image"), 501),
        (DeidConfig(key_scope="pool:64", axes="independent"), 64 * 2 * 501),
        (DeidConfig("negative_positive", 32), 4 * 1024),
        (DeidConfig("block_shuffle", 32), 96 + 96),
        (DeidConfig("plain"), 0),
        (DeidConfig("vectorized"), 0),
    ],
)
def test_what_the_key_fixes(config, values):
    assert key_space(config).fixed_values == values


def test_whether_the_values_are_those_of_all_images():
    assert str(key_space(DeidConfig())).endswith("the key fixes 501 values, the same for all images")
    assert str(key_space(DeidConfig(key_scope="image"))).endswith("the key fixes 501 values, anew for each image")
    pool = key_space(DeidConfig(key_scope="pool:8"))
    assert str(pool).endswith("the key fixes 4,008 values, in 8 tables of which each image gets one") and not pool.each_image


def test_what_each_image_has_beside():
    space = key_space(DeidConfig(colors="keyed", bend=True))
    assert (space.fixed_values, space.more_each) == (501, 39)
    assert str(space).endswith("the key fixes 501 values, the same for all images, and 39 more for each image")
    assert [key_space(config).more_each for config in (DeidConfig(), DeidConfig(colors="keyed"), DeidConfig(bend=True))] == [
        0,
        3,
        36,
    ]


def test_notes_tell_images_from_keys():
    for scheme in ("structural", "negative_positive", "block_shuffle"):
        assert "256 random bits" in key_space(DeidConfig(scheme, 32)).note
    for scheme in ("plain", "vectorized"):
        found = key_space(DeidConfig(scheme))
        assert found.images_log2 is None and "no key" in found.note


def test_gray_images_have_no_channels_to_shuffle():
    with pytest.raises(DeidError, match="takes colour images only, of three channels"):
        key_space(DeidConfig("negative_positive"), channels=1)
