"""The blur against scipy's."""

from __future__ import annotations

import decimal

import numpy as np
import pytest
from scipy import ndimage

from tfdeid import DeidConfig, Deidentifier, DeidError
from tfdeid.data.naming import making_command
from tfdeid.image import resize
from tfdeid.schemes.blur import Blur, blur_matrix

RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize(("size", "sigma"), [(50, 0.08), (32, 0.03), (24, 0.5), (9, 1.0), (16, 0.001)])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_scipys(size, sigma, channels):
    image = RANDOM.randint(0, 256, (size, size, channels), np.uint8)
    pixels = sigma * size
    reach = int(np.ceil(4 * pixels))
    expected = ndimage.gaussian_filter(image.astype(float), (pixels, pixels, 0), mode="nearest", radius=(reach, reach, 0))
    found = Blur(DeidConfig("blur", size, size, sigma=sigma)).encrypt(image)
    assert np.abs(found - expected).max() < 0.51


def test_flat_images_stay_and_rows_of_weights_have_one_sum():
    for level in (0, 1, 128, 255):
        image = np.full((20, 20, 3), level, np.uint8)
        np.testing.assert_array_equal(Blur(DeidConfig("blur", 20, 20)).encrypt(image), image)
    weights = blur_matrix(33, 0.2)
    assert (weights == np.rint(weights)).all() and len(set(weights.sum(1))) == 1
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])


def test_weights_do_not_depend_on_how_decimals_are_set():
    expected = blur_matrix.__wrapped__(20, 0.1)
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)):
        np.testing.assert_array_equal(blur_matrix.__wrapped__(20, 0.1), expected)


def test_an_image_is_stretched_after_it():
    config, image = DeidConfig("blur", 16, 40), RANDOM.randint(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(Deidentifier(config)(image), resize(Blur(config).encrypt(image), 40))


def test_options_are_numbers_and_read_back_from_names():
    assert (
        DeidConfig("blur", sigma=1) == DeidConfig("blur", sigma=1.0)
        and DeidConfig("blur", sigma=1).name == "blur_50_224_sigma1.0"
    )
    assert making_command("cifar10_deid/blur_50_64_sigma0.25").endswith("--output_size 64 --sigma 0.25")
    for sigma in (0, -1, 1.5, float("nan"), "wide", True):
        with pytest.raises(DeidError, match="sigma must be a number greater than 0 and at most 1, sigma was"):
            DeidConfig("blur", sigma=sigma)
