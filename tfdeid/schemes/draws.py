"""Noise that a key draws, the same on every machine.

The C library's logarithm, sine and cosine differ from machine to machine in the last bit, which may be that by which a value is
rounded up or down. What is used here does not: additions, products, quotients and square roots, which IEEE 754 fixes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.schemes.keystream import KeyStream

_Numbers = npt.NDArray[np.float64]

# The natural logarithm of 2 as two numbers: whole multiples of the first are exact.
_LOG2_HIGH, _LOG2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
# 1/1, 1/3, ... 1/19: beyond, terms are less than 1e-16 of the sum.
_SERIES = [1 / odd for odd in range(1, 21, 2)]


def logarithms(numbers: _Numbers) -> _Numbers:
    """Returns natural logarithms of positive numbers, within 1e-15 of the true ones."""
    mantissas, exponents = np.frexp(numbers)
    small = mantissas < np.sqrt(0.5)
    mantissas, exponents = np.where(small, 2 * mantissas, mantissas), exponents - small
    # log m = 2 artanh z = 2 (z + z^3 / 3 + z^5 / 5 ...), with z at most 0.172.
    z = (mantissas - 1) / (mantissas + 1)
    square, total = z * z, np.zeros_like(z)
    for term in reversed(_SERIES):
        total = total * square + term
    return exponents * _LOG2_HIGH + (exponents * _LOG2_LOW + 2 * z * total)


def laplace(stream: KeyStream, count: int) -> _Numbers:
    """Returns float64[count], numbers of Laplace's distribution with mean 0 and scale 1, none beyond 22.9.

    Their distances from 0 are -log u of a u that is drawn from 2^32 equally likely ones.
    """
    distances = -logarithms(stream.shares(count) + 2.0**-33)
    return np.where(stream.bits(count) == 1, -distances, distances)


def normal(stream: KeyStream, count: int) -> _Numbers:
    """Returns float64[count], numbers of the normal distribution with mean 0 and variance 1, by Marsaglia's polar method.

    Pairs of a square, none at its middle and each on its side's 2^32 places, are drawn anew until they lie in the circle.
    """
    pairs = -(-count // 2)
    x, y = _places(stream, pairs), _places(stream, pairs)
    while (again := np.flatnonzero((squares := x * x + y * y) >= 1)).size:
        x[again], y[again] = _places(stream, again.size), _places(stream, again.size)
    factor = np.sqrt(-2 * logarithms(squares) / squares)
    return np.concatenate([x * factor, y * factor])[:count]


def _places(stream: KeyStream, count: int) -> _Numbers:
    return 2 * stream.shares(count) - (1 - 2.0**-32)
