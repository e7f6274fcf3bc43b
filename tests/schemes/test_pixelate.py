"""Mosaics against Pillow's box filter and a plain reading."""

from __future__ import annotations

import fractions

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from PIL import Image

from tfdeid import DeidConfig, Deidentifier, DeidError
from tfdeid.schemes.mosaic import cell_means, cell_of_pixel, paint, rounded

RANDOM = np.random.RandomState(0)


def image_of(size: int, channels: int = 3) -> np.ndarray:
    return RANDOM.randint(0, 256, (size, size, channels), np.uint8)


@pytest.mark.parametrize("cells", [1, 2, 4, 8, 16])
def test_cells_of_whole_pixels_are_pillows_boxes(cells):
    image = image_of(16)
    boxes = np.asarray(Image.fromarray(image).resize((cells, cells), Image.Resampling.BOX)).astype(int)
    assert np.abs(rounded(cell_means(image, cells)) - boxes).max() <= 1  # Pillow rounds twice.
    expected = image.reshape(cells, 16 // cells, cells, 16 // cells, 3).mean((1, 3))
    np.testing.assert_allclose(cell_means(image, cells), expected, rtol=1e-12)


@pytest.mark.parametrize(("size", "cells"), [(7, 3), (5, 4), (50, 12)])
def test_other_cells_are_means_by_area(size, cells):
    image, side = image_of(size, 1), fractions.Fraction(size, cells)

    def share(cell: int, pixel: int) -> fractions.Fraction:
        return max(fractions.Fraction(0), min((cell + 1) * side, fractions.Fraction(pixel + 1)) - max(cell * side, pixel))

    for row, column in [(0, 0), (1, cells - 1), (cells - 1, cells // 2)]:
        down, across = ([share(cell, pixel) for pixel in range(size)] for cell in (row, column))
        total = sum(
            down[y] * across[x] * int(image[y, x, 0]) for y in range(size) for x in range(size) if down[y] and across[x]
        )
        assert cell_means(image, cells)[row, column, 0] == pytest.approx(float(total / side**2), rel=1e-12)


@given(data=st.data())
def test_means_keep_the_whole_images(data):
    size = data.draw(st.integers(2, 12))
    image = data.draw(nps.arrays(np.uint8, (size, size, data.draw(st.sampled_from([1, 3])))))
    means = cell_means(image, data.draw(st.integers(1, size)))
    np.testing.assert_allclose(means.mean((0, 1)), image.mean((0, 1)), atol=1e-9)
    assert image.min() <= means.min() + 1e-9 and means.max() <= image.max() + 1e-9


@pytest.mark.parametrize(("cells", "size"), [(4, 16), (3, 8), (12, 224), (8, 8)])
def test_cells_are_flat_and_as_pillows_nearest(cells, size):
    colors = image_of(cells)
    np.testing.assert_array_equal(paint(colors, size), Image.fromarray(colors).resize((size, size), Image.Resampling.NEAREST))
    assert (np.diff(cell_of_pixel(cells, size)) <= 1).all() and set(cell_of_pixel(cells, size)) == set(range(cells))


@pytest.mark.parametrize("channels", [1, 3])
def test_as_many_cells_as_pixels_are_the_image(channels):
    image = image_of(12, channels)
    np.testing.assert_array_equal(Deidentifier(DeidConfig("pixelate", 12, 12))(image), image)
    assert len(np.unique(Deidentifier(DeidConfig("pixelate", 12, 40, cells=1))(image))) <= channels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cells": 0}, r"cells must be a whole number in \[1, 4096\], cells was 0"),
        ({"cells": 51}, "cells must be at most input_size.*cells was 51, input_size 50"),
        ({"cells": 12, "output_size": 8}, "cells must be at most output_size.*cells was 12, output_size 8"),
        ({"key_scope": "image"}, "key_scope 'image' is not for the scheme 'pixelate'"),
    ],
)
def test_what_can_not_be_is_said(values, message):
    with pytest.raises(DeidError, match=message):
        DeidConfig("pixelate", **values)


def test_names_read_well():
    assert DeidConfig("pixelate", 32, cells=8).name == "pixelate_32_224_cells8"
    assert DeidConfig("pixelate").name == "pixelate_50_224"
