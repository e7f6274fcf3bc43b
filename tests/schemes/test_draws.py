"""Noise that keys draw: logarithms against Python's, distributions against scipy's."""

from __future__ import annotations

import decimal
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tfdeid.schemes.draws import laplace, logarithms, normal
from tfdeid.schemes.keystream import KeyStream

COUNT = 40_001
# Digests of the first thousand numbers under the fixed key.
PINNED = ["234a8019307da77b", "259956541e443466"]


@given(st.floats(min_value=2.0**-33, max_value=1.0, exclude_max=True))
def test_logarithms_are_right(number):
    true = decimal.Context(prec=40).ln(decimal.Decimal(number))
    assert float(logarithms(np.array([number]))[0]) == pytest.approx(float(true), rel=4e-16, abs=1e-18)


@pytest.mark.parametrize(("draw", "cdf"), [(laplace, stats.laplace.cdf), (normal, stats.norm.cdf)])
def test_distributions_are_right(fixed_key, draw, cdf):
    numbers = draw(KeyStream(fixed_key, "test"), COUNT)
    assert numbers.shape == (COUNT,) and np.isfinite(numbers).all()
    assert stats.kstest(numbers, cdf).pvalue > 0.01
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
    again = draw(KeyStream(fixed_key, "test"), COUNT)
    np.testing.assert_array_equal(numbers, again)


def test_the_same_bits_everywhere(fixed_key):
    """To the last bit, by which a value may be rounded up or down."""
    found = [draw(KeyStream(fixed_key, "test"), 1000).astype("<f8").tobytes() for draw in (laplace, normal)]
    assert [hashlib.sha256(one).hexdigest()[:16] for one in found] == PINNED
