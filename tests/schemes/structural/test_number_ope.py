"""pyope's encryption of numbers, worked out faster."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pyope.ope import OPE, ValueRange

from tfdeid import Key
from tfdeid.schemes.structural.number_ope import DOMAIN, NumberOPE, _Draws


def test_equals_pyope_over_the_domain():
    key = Key.generate()
    cipher = OPE(key.material, in_range=ValueRange(-9999, 9999), out_range=ValueRange(-99999, 99999))
    # Neighbours come down together to the end; lone numbers do not.
    numbers = [*range(-40, 40), -DOMAIN, DOMAIN, *random.Random(0).sample(range(-DOMAIN, DOMAIN), 60)]
    assert NumberOPE(key).encrypt(np.array(numbers)).tolist() == [cipher.encrypt(number) for number in numbers]


def test_what_is_known_already_does_not_matter():
    key, everything = Key.generate(), np.arange(-300, 300)
    whole, grown = NumberOPE(key), NumberOPE(key)
    whole.reserve(-300, 299)
    for part in np.array_split(np.random.RandomState(0).permutation(everything), 7):
        np.testing.assert_array_equal(grown.encrypt(part.reshape(1, -1)), whole.encrypt(part)[None])
    np.testing.assert_array_equal(grown.encrypt(everything), whole.encrypt(everything))
    assert (np.diff(whole.encrypt(everything)) > 0).all()


@pytest.mark.parametrize("step", [0, -9999, 123456])
def test_random_numbers_are_pyopes(step):
    key = Key.generate()
    bits, draws = OPE(key.material).tape_gen(step), _Draws(key, step)
    for _ in range(40):  # More than a block of the key stream.
        assert f"{draws.word():032b}" == "".join(str(next(bits)) for _ in range(32))


def test_shows_nothing_secret():
    ope = NumberOPE(Key.generate())
    ope.reserve(0, 50)
    assert "array" not in repr([ope, ope._table, _Draws(ope._key, 1)])
