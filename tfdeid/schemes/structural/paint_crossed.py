"""The fill of paths that cross themselves, for the default painter: along lines, as cairo does it."""

from __future__ import annotations

import math

import numpy as np

from tfdeid.schemes.jit import jit_callee, jit_inline
from tfdeid.schemes.structural.outline import X, Y

# A pixel's colours are mixed in as many parts as this many bits count.
WEIGHT_BITS = 11
# Lines a row is cut into where a path crosses itself; cairo has as many.
_LINES = 15


@jit_inline
def weight(filled, stroked, opacity):
    """Returns the weight of the path's colour in a pixel: the fill, then the stroke over it."""
    one = np.float32(1)
    alpha = one - (one - opacity * filled) * (one - opacity * stroked)
    return np.int32(np.float64(alpha) * (1 << WEIGHT_BITS) + 0.5)


@jit_callee
def fill_finely(polygons, starts, kinds, top, bottom, size, row_starts, cells, weights, stroked, opacity):
    """Replaces the weight of each run: its fill's share is what spans of non-zero winding cover.

    Each of `_LINES` lines through a row is exact along x.
    """
    edges, num_edges = _fill_edges(polygons, starts, kinds)
    here, row_edges = _edges_by_row(edges, num_edges, top, bottom)
    crossings = np.empty((2, num_edges))
    steps = np.zeros(size + 2, np.float32)
    for row in range(top, bottom):
        first, last = size, -1
        for line in range(_LINES):
            y = row + (line + 0.5) / _LINES
            winding = 0.0
            for i in range(_sorted_crossings(edges, here, row_edges[row - top], row_edges[row - top + 1], y, crossings)):
                before = winding
                winding += crossings[1, i]
                if (before == 0) != (winding == 0):
                    height = np.float32(1 / _LINES) if before == 0 else np.float32(-1 / _LINES)
                    x = min(max(crossings[0, i], 0.0), np.float64(size))
                    cell = int(x)
                    share = height * np.float32(x - cell)
                    steps[cell] += height - share
                    steps[cell + 1] += share
                    first, last = min(first, cell), max(last, cell + 1)
        share = np.float32(0)
        cell = first
        for i in range(row_starts[row - top], row_starts[row - top + 1] - 1):
            while cell <= min(cells[i], last):
                share += steps[cell]
                cell += 1
            weights[i] = weight(min(max(share, np.float32(0)), np.float32(1)), stroked[i], opacity)
        for cell in range(first, last + 1):
            steps[cell] = np.float32(0)


@jit_callee
def _edges_by_row(edges, num_edges, top, bottom):
    """Returns the numbers of the edges that pass through each row, in their order, and where each row's begin."""
    starts = np.zeros(bottom - top + 2, np.int64)
    for i in range(num_edges):
        first, last = _rows_of(edges, i, top, bottom)
        for row in range(first, last):
            starts[row - top + 2] += 1
    for row in range(2, len(starts)):
        starts[row] += starts[row - 1]
    here = np.empty(starts[-1], np.int32)
    for i in range(num_edges):
        first, last = _rows_of(edges, i, top, bottom)
        for row in range(first, last):
            here[starts[row - top + 1]] = i
            starts[row - top + 1] += 1
    return here, starts


@jit_inline
def _rows_of(edges, i, top, bottom):
    low, high = min(edges[1, i], edges[3, i]), max(edges[1, i], edges[3, i])
    return max(top, math.floor(low)), min(bottom, math.ceil(high))


@jit_inline
def _sorted_crossings(edges, here, start, stop, y, crossings):
    """Fills crossings with the x at which edges cross the line y, ascending, and the winding each adds; returns how many."""
    count = 0
    for k in range(start, stop):
        i = here[k]
        x0, y0, x1, y1 = edges[0, i], edges[1, i], edges[2, i], edges[3, i]
        if (y0 <= y) == (y1 <= y):
            continue
        x = x0 + (x1 - x0) * ((y - y0) / (y1 - y0))
        place = count
        while place > 0 and crossings[0, place - 1] > x:
            crossings[0, place], crossings[1, place] = crossings[0, place - 1], crossings[1, place - 1]
            place -= 1
        crossings[0, place], crossings[1, place] = x, 1.0 if y1 > y0 else -1.0
        count += 1
    return count


@jit_callee
def _fill_edges(polygons, starts, kinds):
    """Returns the edges of a path's outline, float64[4, N]: x0, y0, x1, y1 in pixels; and how many of the N there are."""
    edges = np.empty((4, starts[-1]))
    count = 0
    for k in range(0, len(starts) - 1, kinds):
        start, stop = starts[k], starts[k + 1]
        x0, y0 = polygons[X, stop - 1], polygons[Y, stop - 1]
        for i in range(start, stop):
            x1, y1 = polygons[X, i], polygons[Y, i]
            edges[0, count], edges[1, count], edges[2, count], edges[3, count] = x0, y0, x1, y1
            x0, y0 = x1, y1
            count += 1
    return edges, count
