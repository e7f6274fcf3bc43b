"""What the tracer promises beyond equality with the program, which tests/oracle/test_imagetracer.py checks."""

from __future__ import annotations

import decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfdeid.errors import DeidError
from tfdeid.schemes.jit import jit
from tfdeid.schemes.structural import trace_options, vectorize
from tfdeid.schemes.structural.vector_image import CLOSE, MOVE, POINTS_PER_COMMAND
from tfdeid.schemes.structural.vectorize import to_fixed as callee

to_fixed = jit(lambda value, decimals: callee(value, decimals))  # As kernels call it.

IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(2, 12), st.integers(2, 12), st.sampled_from([1, 3])))


def test_a_square_in_a_flat_image():
    image = np.zeros((20, 20, 3), np.uint8)
    image[5:15, 5:15] = 255
    traced = vectorize(image, trace_options(numberofcolors=4))
    assert "M 5 5 L 15 5 L 15 15 L 5 15 L 5 5 Z" in traced.to_svg()
    assert {tuple(color) for color in traced.colors.tolist()} == {(0, 0, 0, 255), (255, 255, 255, 255)}


@settings(deadline=None, max_examples=60)
@given(IMAGES, st.sampled_from(["default", "detailed", "posterized3", "artistic1"]))
def test_arrays_fit_together(image, preset):
    traced = vectorize(image, preset)
    assert traced.channels == image.shape[2]
    assert traced.command_starts[-1] == len(traced.commands)
    assert traced.point_starts[-1] == len(traced.points) == POINTS_PER_COMMAND[traced.commands].sum()
    for start, stop in zip(traced.command_starts, traced.command_starts[1:]):
        assert traced.commands[start] == MOVE and traced.commands[stop - 1] == CLOSE
    assert np.isfinite(traced.points).all()


@settings(deadline=None, max_examples=30)
@given(IMAGES)
def test_gray_is_traced_as_its_colour_image(image):
    gray = image[:, :, :1]
    assert vectorize(gray).to_svg() == vectorize(np.repeat(gray, 3, axis=2)).to_svg() == vectorize(gray[:, :, 0]).to_svg()


def test_random_presets_follow_their_seed():
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    documents = [vectorize(image, trace_options("randomsampling1", seed=seed)).to_svg() for seed in (1, 1, 2)]
    assert documents[0] == documents[1] != documents[2]


@given(st.floats(-5000, 5000), st.integers(0, 6))
def test_rounding_is_by_the_exact_value_and_ties_go_away_from_zero(value, decimals):
    exact = decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_UP)
    assert to_fixed(value, decimals) == float(exact)


@given(st.integers(-40_000, 40_000), st.integers(0, 2))
def test_rounding_of_exact_ties(eighths, decimals):
    exact = decimal.Decimal(eighths / 8).quantize(decimal.Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_UP)
    assert to_fixed(eighths / 8, decimals) == float(exact)


@pytest.mark.parametrize(
    "image",
    [np.zeros((1, 5, 3), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros(5, np.uint8), "x"],
    ids=["one row", "four channels", "float", "one dimension", "text"],
)
def test_other_images_are_refused(image):
    with pytest.raises(DeidError, match="vectorize takes uint8"):
        vectorize(image)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numberofcolors": 1}, r"numberofcolors must be in \[2, 4096\], numberofcolors was 1"),
        ({"pathomit": 2.5}, "whole number"),
        ({"ltres": float("nan")}, "ltres"),
        ({"palette": ()}, "palette"),
        ({"palette": ((1, 2, 300),)}, "palette"),
        ({"pathomitt": 3}, "Did you mean 'pathomit'"),
    ],
)
def test_bad_options_are_refused(changes, message):
    with pytest.raises(DeidError, match=message):
        trace_options(**changes)


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(DeidError, match="Did you mean 'detailed'"):
        trace_options("detaild")
