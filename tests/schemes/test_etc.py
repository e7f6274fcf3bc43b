"""What encryption-then-compression does to a block, against a plain reading of the papers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from tfdeid import DeidConfig
from tfdeid.schemes.etc import CHANNEL_ORDERS, TURNS, Etc, turned, turned_back
from tfdeid.schemes.keystream import KeyStream


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_the_papers(fixed_key, channels):
    """Value by value: the place that each comes from, its negative, and its channel."""
    side, cells = 3, 4
    size = side * cells
    image = np.random.RandomState(0).randint(0, 256, (size, size, channels), np.uint8)
    stream = KeyStream(fixed_key, f"etc v1, 4 cells, {channels} channels, input size {size}")
    order, turn, negative = stream.order(16), stream.below(8, 16), stream.bits(16)
    channel_order = stream.below(6, 16) if channels == 3 else np.zeros(16, int)
    found = Etc(DeidConfig("etc", size, size, cells=cells), fixed_key).encrypt(image)
    last = side - 1
    for place, (y, x), channel in itertools.product(range(16), itertools.product(range(side), repeat=2), range(channels)):
        row, column = y, x
        for _ in range(turn[place] // 2):  # A quarter turn, counter-clockwise: what is on the right comes up.
            row, column = column, last - row
        if turn[place] % 2:
            column = last - column
        top, left = divmod(int(order[place]), cells)
        came_from = CHANNEL_ORDERS[channel_order[place]][channel] if channels == 3 else 0
        value = int(image[side * top + row, side * left + column, came_from])
        value = 255 - value if negative[place] else value
        assert found[side * (place // cells) + y, side * (place % cells) + x, channel] == value


def test_turns_are_the_eight_of_a_square():
    block = np.arange(12).reshape(2, 2, 3)
    assert len({turned(block, turn).tobytes() for turn in range(TURNS)}) == 8
    for turn in range(TURNS):
        np.testing.assert_array_equal(turned_back(turned(block, turn), turn), block)


def test_all_that_happens_to_blocks_is_equally_likely(fixed_key):
    scheme = Etc(DeidConfig("etc", 96, 96, cells=48), fixed_key)
    mask = scheme._masks.mask_for(np.zeros((96, 96, 3), np.uint8), None)
    for values, kinds in ((mask.turn, 8), (mask.negative // 255, 2), (mask.channels, 6)):
        assert stats.chisquare(np.bincount(values, minlength=kinds)).pvalue > 0.001
    together = np.bincount(mask.turn // 4 * 4 + mask.negative // 255 * 2 + mask.channels % 2, minlength=8)
    assert together.sum() == 48 * 48
