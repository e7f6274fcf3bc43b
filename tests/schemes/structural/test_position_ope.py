"""The position encryption against the paper's figures, against pyope, and by its laws."""

from __future__ import annotations

import functools
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyope.ope import OPE, ValueRange

from tfdeid import DeidError, Key
from tfdeid.schemes.structural import PositionOPE, vectorize
from tfdeid.schemes.structural.vector_image import CLOSE, LINE, MOVE, VectorImage

PUBLISHED = "jX4ZXXmM3qTgAjez/1j/EVz5tCcmQ711bz8hqIMJap0="


@functools.cache
def encryption(seed: int, decimals: int) -> PositionOPE:
    import base64

    return PositionOPE(Key(base64.b64encode(random.Random(seed).randbytes(32))), decimals)


def test_golden_figures_of_the_paper():
    encrypt = PositionOPE(Key(PUBLISHED))
    assert encrypt.offset == -796
    assert encrypt.canvas(32) == 291.0
    assert encrypt.canvas(0) == 0.0


@pytest.mark.parametrize("decimals", [0, 1, 2, 3])
def test_equals_pyope_point_by_point(decimals):
    cipher = OPE(PUBLISHED.encode(), in_range=ValueRange(-9999, 9999), out_range=ValueRange(-99999, 99999))
    encrypt = PositionOPE(Key(PUBLISHED), decimals)
    numbers = [-9999, -100, -33, -1, 0, 1, 2, 317, 500, 997, 2240, 9999]
    expected = [(cipher.encrypt(n) - cipher.encrypt(0)) / 10**decimals for n in numbers]
    assert encrypt.encrypt(np.array(numbers) / 10**decimals).tolist() == expected


@given(st.integers(0, 4), st.sampled_from([0, 1]), st.lists(st.integers(-60, 560), min_size=2, max_size=40, unique=True))
def test_strictly_increasing(seed, decimals, numbers):
    numbers = sorted(numbers)
    encrypted = encryption(seed, decimals).encrypt(np.array(numbers) / 10**decimals)
    assert (np.diff(encrypted) > 0).all()
    assert (np.sign(encrypted) == np.sign(numbers)).all()


@given(st.floats(-6, 56))
def test_rounds_half_away_from_zero(value):
    encrypt = encryption(0, 1)
    whole = np.copysign(np.floor(abs(value) * 10 + 0.5), value) / 10
    assert encrypt.encrypt(np.array([value])) == encrypt.encrypt(np.array([whole]))


def test_the_order_of_questions_does_not_matter():
    key, values = Key(PUBLISHED), np.array([-3.3, 0.0, 12.5, 40.0, 99.9])
    one_by_one = PositionOPE(key)
    assert [one_by_one.encrypt(values[i : i + 1])[0] for i in (2, 0, 4, 1, 3)] == list(
        PositionOPE(key).encrypt(values)[[2, 0, 4, 1, 3]]
    )


def test_moves_points_and_canvas_and_nothing_else(cifar10):
    image, encrypt = vectorize(cifar10[0]), encryption(1, 1)
    moved = encrypt(image)
    assert (moved.width, moved.height) == (encrypt.canvas(32), encrypt.canvas(32))
    assert moved.points.shape == image.points.shape and not np.array_equal(moved.points, image.points)
    for name in ("commands", "command_starts", "point_starts", "colors", "stroke_width"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(image, name))


def test_documents_and_images_agree(cifar10):
    image, encrypt = vectorize(cifar10[1]), encryption(1, 1)
    assert encrypt.encrypt_svg(image.to_svg()) == encrypt(image).to_svg()


@pytest.mark.parametrize(("decimals", "largest"), [(0, 9999.0), (1, 999.9), (2, 99.99), (3, 9.999)])
def test_the_domain_ends_with_a_clear_error(decimals, largest):
    encrypt = encryption(2, decimals)
    assert encrypt.encrypt(np.array([largest, -largest])).shape == (2,)
    with pytest.raises(DeidError, match=f"coordinates must be at most {largest:g}"):
        encrypt.encrypt(np.array([largest * 1.01]))


def test_a_canvas_beyond_the_domain_is_the_same_error():
    image = VectorImage.from_paths(5000, 32, [([MOVE, CLOSE], [(1.0, 1.0)], (0, 0, 0, 255))])
    for whole_canvas in (True, False):
        with pytest.raises(DeidError, match="coordinates must be at most 999.9 in size .* one was 5000"):
            PositionOPE(Key(PUBLISHED), whole_canvas=whole_canvas)(image)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None])
def test_what_is_no_finite_number_is_refused(value):
    encrypt = encryption(2, 1)
    for values in (value, np.array([1.0, value], np.float64)):
        with pytest.raises(DeidError, match="coordinates must be finite numbers, one was (nan|inf)"):
            encrypt.encrypt(values)
    for canvas in (dict(width=value, height=3), dict(width=3, height=value)):
        if value is not None:
            image = VectorImage.from_paths(**canvas, paths=[])
            with pytest.raises(DeidError, match="coordinates must be finite numbers"):
                encryption(2, 1)(image)


@pytest.mark.parametrize("value", [1e18, 1e19, -1e30, 1e300])
def test_huge_numbers_are_refused_as_too_large(value):
    with pytest.raises(DeidError, match="coordinates must be at most 999.9 in size"):
        encryption(2, 1).encrypt(np.array([value]))


def test_numbers_and_lists_of_numbers_will_do_and_words_will_not():
    encrypt = encryption(2, 1)
    assert encrypt.encrypt(3.0) == encrypt.encrypt([3])[0] == encrypt.encrypt(np.array([3.0]))[0]
    with pytest.raises(DeidError, match="array of numbers"):
        encrypt.encrypt(["abc"])


def test_a_bad_number_in_a_document_is_one_clear_error():
    for number in ("abc", "1e999", "nan", "1,,2"):
        document = f'<svg width="9" height="9"><path fill="rgb(1,2,3)" d="M {number} 0 Z"/></svg>'
        with pytest.raises(DeidError, match=f"finite numbers only, found '{number}'"):
            encryption(2, 1).encrypt_svg(document)


def test_points_outside_the_canvas():
    path = ([MOVE, LINE, LINE, CLOSE], [(-30.0, -3.3), (45.0, 60.0), (0.0, 32.0)], (0, 0, 0, 255))
    moved = encryption(3, 1)(VectorImage.from_paths(32, 32, [path]))
    assert moved.points[0, 0] < moved.points[0, 1] < 0
    assert moved.width < moved.points[1, 0] < moved.points[1, 1]


def test_decimals_are_checked():
    with pytest.raises(DeidError, match=r"coordinate_decimals must be in \[0, 3\]"):
        PositionOPE(Key(PUBLISHED), 4)


def test_shows_and_stores_nothing_secret():
    encrypt = PositionOPE(Key(PUBLISHED))
    assert PUBLISHED not in repr(encrypt) and str(encrypt.offset) not in repr(encrypt)
    with pytest.raises(TypeError, match="a PositionOPE holds the key's table and is never pickled"):
        pickle.dumps(encrypt)
