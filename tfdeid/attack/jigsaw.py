"""Puts blocks of images together again by their borders, though each was turned, mirrored or negated, or exchanged channels.

In the line of A. C. Gallagher, "Jigsaw puzzles with pieces of unknown orientation", CVPR 2012, and of T. Chuman, K. Kurihara
and H. Kiya, "On the security of block scrambling-based EtC systems against extended jigsaw puzzle solver attacks", IEICE
Transactions E101-D, 2018, with the borders of many images at once where all have one order; search and costs are this module's.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.schemes.etc import CHANNEL_ORDERS, TURNS, turned_back
from tfdeid.schemes.jit import jit

_Array = npt.NDArray[np.float32]
Layout = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""For each place, row by row, the number of the block that lies there, and of the `Change` that it was undone by."""

# The sides of a block, in the order of the steps to the neighbours there.
_STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
_ROUNDS = 20
# Blocks that layouts are grown from: fewer where a start takes long, since there are many blocks and changes.
_MOST_STARTS, _WORK = 16, 20_000


class Change(NamedTuple):
    """What a block may have been through.

    Attributes:
      turn: of `tfdeid.schemes.etc.TURNS`.
      negative: 255 if values became their negatives, else 0.
      order: of `tfdeid.schemes.etc.CHANNEL_ORDERS`; 0 for gray blocks.
    """

    turn: int
    negative: int
    order: int

    def undo(self, blocks: np.ndarray) -> npt.NDArray[np.uint8]:
        """Returns blocks uint8[..., b, b, C] as they were before."""
        if blocks.shape[-1] == 3:
            blocks = blocks[..., np.argsort(CHANNEL_ORDERS[self.order])]
        return _turned_back(blocks, self.turn) ^ np.uint8(self.negative)


def changes(channels: int) -> list[Change]:
    """Returns all that `etc` may do to a block; the first is nothing."""
    orders = range(len(CHANNEL_ORDERS) if channels == 3 else 1)
    return [Change(*of) for of in itertools.product(range(TURNS), (0, 255), orders)]


def _turned_back(blocks: np.ndarray, turn: int) -> np.ndarray:
    return np.moveaxis(turned_back(np.moveaxis(blocks, (-3, -2), (0, 1)), turn), (0, 1), (-3, -2))


class Borders:
    """How well blocks go together, at any of their sides and after any change.

    Args:
      blocks: uint8[R, n, b, b, C], of R images whose blocks went through the same.
      known: the changes that blocks may have been through.
    """

    def __init__(self, blocks: np.ndarray, known: list[Change]):
        channels = blocks.shape[-1]
        edges = _edges(blocks.astype(np.float32) - 127.5)
        # float[n, 4, 2, 2, orders, ...]: seen from both ends, as it is and negated, with channels in all orders.
        both = np.stack([edges, edges[..., ::-1, :]], axis=2)
        both = np.stack([both, -both], axis=3)
        orders = CHANNEL_ORDERS if channels == 3 else ((0,),)
        both = np.stack([both[..., list(order)] for order in orders], axis=4)
        flat, all_flat = edges.reshape(4 * edges.shape[0], -1), both.reshape(-1, edges[0, 0].size)
        squares = np.square(flat).sum(1)
        apart = squares[:, None] + np.repeat(squares, len(all_flat) // len(flat)) - 2 * flat @ all_flat.T
        count = edges.shape[0]
        self.apart: npt.NDArray[np.float32] = (
            np.maximum(apart, 0).reshape(count, 4, count, -1).astype(np.float32) / flat.shape[1]
        )
        self.sides, self.relative = _relative(known, len(orders))

    def assemble(self, cells: int) -> Layout:
        """Returns the layout in which neighbours go together best, but for what is done to all blocks alike."""
        scale = _scaled(self.apart)
        best, found = np.inf, None
        count = cells * cells
        starts = max(1, min(count, _MOST_STARTS, _WORK // (count * self.sides.shape[1])))
        for seed in range(0, count, count // starts):
            layout = _grow(scale, self.sides, self.relative, _STEPS, cells, seed)
            cost = _improve(scale, self.sides, self.relative, _STEPS, cells, *layout)
            if cost < best:
                best, found = cost, layout
        assert found is not None
        return found


def _edges(blocks: _Array) -> npt.NDArray[np.float32]:
    """Returns float32[n, 4, R, b, C], what the values are right at each side, by the last two of each line that ends there."""
    second = min(1, blocks.shape[2] - 1)
    lines = (
        (blocks[:, :, :, -1], blocks[:, :, :, -1 - second]),
        (blocks[:, :, -1], blocks[:, :, -1 - second]),
        (blocks[:, :, :, 0], blocks[:, :, :, second]),
        (blocks[:, :, 0], blocks[:, :, second]),
    )
    return np.stack([last + (last - before) / 2 for last, before in lines], axis=0).transpose(2, 0, 1, 3, 4).astype(np.float32)


def _relative(known: list[Change], orders: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns which edges of two changed blocks meet.

    Returns:
      sides: intp[4, M], the side of the block as it came that lies at each side once a change is undone.
      relative: intp[4, M, M], which of the edges of another block, by side, direction, sign and order of channels, meets it
        there if that block's change is the last axis's.
    """
    marked = np.arange(9).reshape(3, 3, 1)
    ends = _lines(marked)
    count = len(known)
    sides, flips = np.zeros((4, count), np.intp), np.zeros((4, count), np.intp)
    for number, change in enumerate(known):
        for side, line in enumerate(_lines(turned_back(marked, change.turn))):
            for from_side, end in enumerate(ends):
                for flip in range(2):
                    if np.array_equal(line, end[::-1] if flip else end):
                        sides[side, number], flips[side, number] = from_side, flip
    # The inverse of a change's order of channels is what undoing it does.
    undone = [np.argsort(CHANNEL_ORDERS[change.order]) for change in known]
    numbers = {order: number for number, order in enumerate(CHANNEL_ORDERS)}
    relative = np.zeros((4, count, count), np.intp)
    for a, b in itertools.product(range(count), repeat=2):
        sign = int(known[a].negative != known[b].negative)
        order = numbers[tuple(int(k) for k in undone[b][np.argsort(undone[a])])]
        for side in range(4):
            other = (side + 2) % 4
            flip = flips[side, a] ^ flips[other, b]
            relative[side, a, b] = ((sides[other, b] * 2 + flip) * 2 + sign) * orders + order
    return sides, relative


def _lines(block: np.ndarray) -> list[np.ndarray]:
    """Returns the outermost pixels of a block [b, b, 1] at its sides."""
    return [block[:, -1, 0], block[-1, :, 0], block[:, 0, 0], block[0, :, 0]]


def _scaled(apart: _Array) -> _Array:
    """Returns distances as multiples of the second smallest of each edge's: smooth edges are near to many others."""
    count = len(apart)
    scaled = apart.copy()
    for block in range(count):
        others = np.delete(apart[block], block, axis=1).reshape(4, -1)
        near = np.partition(others, 1, axis=1)[:, 1]
        scaled[block] = apart[block] / (near[:, None, None] + 1e-3)
    return scaled


@jit
def _cost(apart, sides, relative, side, block, change, other, its_change):
    """Returns how badly a block goes with another one at a side of it; the mean of what either's edge says."""
    back = (side + 2) % 4
    there = apart[block, sides[side, change], other, relative[side, change, its_change]]
    return (there + apart[other, sides[back, its_change], block, relative[back, its_change, change]]) / 2


@jit
def _grow(apart, sides, relative, steps, cells, seed):
    """Lays blocks around a first one, that next which fits best where it has most neighbours; returns the layout."""
    count, kinds = cells * cells, sides.shape[1]
    wide = 2 * cells + 1
    laid = np.full((wide, wide), -1)
    change_of = np.zeros((wide, wide), np.intp)
    used = np.zeros(count, np.bool_)
    laid[cells, cells], used[seed] = seed, True
    top, bottom, left, right = cells, cells, cells, cells
    for _ in range(count - 1):
        best, best_row, best_column, best_block, best_change = np.inf, -1, -1, -1, -1
        for row in range(max(bottom - cells + 1, top - 1), min(top + cells - 1, bottom + 1) + 1):
            for column in range(max(right - cells + 1, left - 1), min(left + cells - 1, right + 1) + 1):
                if laid[row, column] >= 0:
                    continue
                neighbours = 0
                for side in range(4):
                    neighbours += laid[row + steps[side, 0], column + steps[side, 1]] >= 0
                if neighbours == 0:
                    continue
                for block in range(count):
                    if used[block]:
                        continue
                    for change in range(kinds):
                        total = 0.0
                        for side in range(4):
                            down, across = row + steps[side, 0], column + steps[side, 1]
                            if laid[down, across] >= 0:
                                total += _cost(
                                    apart, sides, relative, side, block, change, laid[down, across], change_of[down, across]
                                )
                        total /= neighbours * neighbours**0.5
                        if total < best:
                            best, best_row, best_column, best_block, best_change = total, row, column, block, change
        laid[best_row, best_column], change_of[best_row, best_column] = best_block, best_change
        used[best_block] = True
        top, bottom = min(top, best_row), max(bottom, best_row)
        left, right = min(left, best_column), max(right, best_column)
    order = laid[top : bottom + 1, left : right + 1].copy().reshape(-1)
    return order, change_of[top : bottom + 1, left : right + 1].copy().reshape(-1)


@jit
def _around(apart, sides, relative, steps, cells, order, change, place):
    """Returns how badly what lies at a place goes with its neighbours."""
    row, column = place // cells, place % cells
    total = 0.0
    for side in range(4):
        down, across = row + steps[side, 0], column + steps[side, 1]
        if 0 <= down < cells and 0 <= across < cells:
            other = down * cells + across
            total += _cost(apart, sides, relative, side, order[place], change[place], order[other], change[other])
    return total


@jit
def _improve(apart, sides, relative, steps, cells, order, change):
    """Lets two blocks change places while that helps; returns how badly all neighbours go together."""
    count = cells * cells
    for _ in range(_ROUNDS):
        changed = False
        for a in range(count):
            for b in range(a):
                before = _around(apart, sides, relative, steps, cells, order, change, a)
                before += _around(apart, sides, relative, steps, cells, order, change, b)
                order[a], order[b] = order[b], order[a]
                change[a], change[b] = change[b], change[a]
                after = _around(apart, sides, relative, steps, cells, order, change, a)
                after += _around(apart, sides, relative, steps, cells, order, change, b)
                if after < before - 1e-6:
                    changed = True
                else:
                    order[a], order[b] = order[b], order[a]
                    change[a], change[b] = change[b], change[a]
        if not changed:
            break
    total = 0.0
    for place in range(count):
        total += _around(apart, sides, relative, steps, cells, order, change, place)
    return total
