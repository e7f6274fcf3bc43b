"""What images are compared with, by definition and on images whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tfdeid import DeidConfig, Deidentifier, DeidError
from tfdeid.image import resize
from tfdeid.reference import INPUT, SOURCE, Preparing

CONFIG = DeidConfig(input_size=16, output_size=32)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (height, width, channels)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (20, 51), (32, 32), (512, 2)])
def test_what_has_no_more_pixels_than_a_record_is_kept_as_it_came(shape):
    image = noise(*shape)
    original = Preparing(CONFIG)(image)
    np.testing.assert_array_equal(original.source, image)
    np.testing.assert_array_equal(
        original.prepared, np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BICUBIC))
    )


@pytest.mark.parametrize("shape", [(33, 32), (100, 60), (20, 400)])
def test_what_has_more_is_kept_at_the_output_size_and_prepared_from_all_its_pixels(shape):
    image = noise(*shape)
    original = Preparing(CONFIG)(image)
    np.testing.assert_array_equal(
        original.source, np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC))
    )
    np.testing.assert_array_equal(original.prepared, Deidentifier(CONFIG.with_scheme("plain")).prepare(image))
    # By way of the output size it would be another image: attackers would de-identify it in another way than the owner.
    assert (original.prepared != resize(original.source, 16)).any()


def test_the_papers_reference_is_what_the_scheme_takes():
    original = Preparing(CONFIG, INPUT)(noise(100, 60))
    assert original.source is original.prepared and original.source.shape == (16, 16, 3)


@pytest.mark.parametrize("reference", [SOURCE, INPUT])
def test_gray_is_compared_with_gray(reference):
    photo = skimage.data.astronaut()
    original = Preparing(DeidConfig(input_size=16, output_size=32, grayscale=True), reference)(photo)
    gray = np.asarray(Image.fromarray(photo).convert("L").resize((32, 32), Image.Resampling.BICUBIC))
    assert original.source.shape[2] == original.prepared.shape[2] == 1
    if reference == SOURCE:
        np.testing.assert_array_equal(original.source[..., 0], gray)


def test_mistakes():
    with pytest.raises(DeidError, match="unknown reference 'sorce'. Did you mean 'source'"):
        Preparing(CONFIG, "sorce")
    with pytest.raises(DeidError, match="an image must be"):
        Preparing(CONFIG)(np.zeros((3, 3, 2), np.uint8))
