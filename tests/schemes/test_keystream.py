"""The numbers that a key fixes: which they are, and that none is favoured."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from tfdeid import Key
from tfdeid.schemes.keystream import KeyStream


def reference_bytes(key: Key, label: str):
    """Yields the key stream byte by byte, asked for in one go."""
    cipher = Cipher(algorithms.ChaCha20(key.subkey(label), bytes(16)), mode=None).encryptor()
    yield from cipher.update(bytes(100_000))


def reference_below(stream, bounds: list[int]) -> list[int]:
    """Draws a number for each bound; what would favour some is drawn again after the first round, in order."""
    numbers = [next(stream) for _ in bounds]
    while wrong := [i for i, bound in enumerate(bounds) if numbers[i] >= 256 // bound * bound]:
        for i in wrong:
            numbers[i] = next(stream)
    return [number % bound for number, bound in zip(numbers, bounds, strict=True)]


def test_the_cipher_is_chacha20():
    """The key stream of RFC 8439, appendix A.1, test vector 1: key, nonce and counter zero."""
    stream = Cipher(algorithms.ChaCha20(bytes(32), bytes(16)), mode=None).encryptor().update(bytes(16))
    assert stream.hex() == "76b8e0ada0f13d90405d6ae55386bd28"


def test_bytes_go_on_where_they_stopped(fixed_key):
    expected = reference_bytes(fixed_key, "x")
    stream = KeyStream(fixed_key, "x")
    found = np.concatenate([stream.bytes(count) for count in (1, 0, 70, 3)])
    assert found.tolist() == list(itertools.islice(expected, 74))
    assert KeyStream(fixed_key, "y").bytes(8).tolist() != found[:8].tolist()


def test_bits_are_those_of_the_bytes(fixed_key):
    byte_values = itertools.islice(reference_bytes(fixed_key, "x"), 2)
    assert KeyStream(fixed_key, "x").bits(11).tolist() == [int(c) for value in byte_values for c in f"{value:08b}"][:11]


@pytest.mark.parametrize("bounds", [[6] * 5000, [1, 2, 3, 200, 255] * 300, [128] * 9, []])
def test_numbers_below_bounds(fixed_key, bounds):
    expected = reference_below(reference_bytes(fixed_key, "x"), bounds)
    assert KeyStream(fixed_key, "x").below(np.array(bounds, int), len(bounds)).tolist() == expected


@pytest.mark.parametrize("bound", [6, 96, 200])
def test_no_number_is_favoured(fixed_key, bound):
    """Bytes taken modulo 200 would give the numbers below 56 twice as often as the others."""
    counts = np.bincount(KeyStream(fixed_key, "x").below(bound, 1000 * bound), minlength=bound)
    assert len(counts) == bound
    assert (np.abs(counts - 1000) < 5 * np.sqrt(1000)).all()


def test_shares_are_four_bytes_each_over_two_to_the_32(fixed_key):
    stream = bytes(itertools.islice(reference_bytes(fixed_key, "x"), 4 * 1000))
    expected = [int.from_bytes(stream[k : k + 4], "little") / 2**32 for k in range(0, len(stream), 4)]
    found = KeyStream(fixed_key, "x").shares(1000)
    assert found.dtype == np.float64 and found.tolist() == expected
    assert ((found * 2**32) % 1 == 0).all() and found.min() >= 0 and found.max() < 1 and abs(found.mean() - 0.5) < 0.05
    parts = KeyStream(fixed_key, "x")
    assert np.concatenate([parts.shares(count) for count in (1, 0, 7)]).tolist() == expected[:8]


def test_permutations_are_fisher_and_yates(fixed_key):
    order, stream = list(range(96)), reference_bytes(fixed_key, "x")
    for last, chosen in zip(range(95, 0, -1), reference_below(stream, list(range(96, 1, -1))), strict=True):
        order[last], order[chosen] = order[chosen], order[last]
    assert KeyStream(fixed_key, "x").permutation(96).tolist() == order
    assert KeyStream(fixed_key, "x").permutation(1).tolist() == [0]


def test_all_permutations_are_equally_frequent(fixed_key):
    stream = KeyStream(fixed_key, "x")
    counts = collections.Counter(tuple(stream.permutation(4).tolist()) for _ in range(24 * 200))
    assert len(counts) == 24
    assert all(abs(count - 200) < 5 * np.sqrt(200) for count in counts.values())
