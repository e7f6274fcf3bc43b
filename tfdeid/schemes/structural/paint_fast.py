"""Painting by exact area coverage, compiled: the default painter.

Three signed areas are summed for every pixel that an edge of the path passes through: of the path's polygon (F), and of the
polygon moved to either side by half the stroke width (E right, I left). From left to right the running sums tell the winding
number averaged over the pixel, and from these follow

- the fill's coverage, min(|F|, 1): non-zero winding. Where the path crosses itself, opposite windings within a pixel would
  cancel; a path whose F leaves [0, 1] or [-1, 0] anywhere is filled along finer lines instead, as cairo does;
- the stroke's coverage: what E covers and I does not, or, where the path winds the other way, what I covers and E does not. An
  edge of the stroke that turns inside out, as in shapes thinner than the stroke, gets a sum of opposite sign and drops out.

Pixels that no edge passes through repeat their left neighbour's coverage, so they are skipped or filled as runs.
"""

from __future__ import annotations

import math

import numpy as np

from tfdeid.schemes.jit import jit, jit_callee, jit_inline
from tfdeid.schemes.structural.outline import X, Y, count_corners, flatten, offset
from tfdeid.schemes.structural.vector_image import MOVE, POINTS_PER_COMMAND, VectorImage

_FILL, _RIGHT, _LEFT = range(3)
# Sums of single-precision areas that should be 0 or 1 are off by less than this.
_NOISE = np.float32(1e-4)
# Lines a row is cut into where a path crosses itself; cairo has as many.
_LINES = 15
# Coordinates beyond this many pixels are moved to it; cairo's end there as well.
_FAR = 8e6

# The canvas holds a pixel as three lanes of one 64-bit word, so that one multiplication mixes all three channels: 8 bits of
# colour leave room for weights up to 2**11 in a lane of 21 bits.
_LANE = 21
_WEIGHT_BITS = 11
_LANES = np.uint64(0xFF | 0xFF << _LANE | 0xFF << 2 * _LANE)
_HALVES = np.uint64((1 | 1 << _LANE | 1 << 2 * _LANE) << (_WEIGHT_BITS - 1))

# Position of the lowest set bit of a word: the bit times this constant has the position's table index in its top 6 bits.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_POSITION = np.zeros(64, np.int64)
for _bit in range(64):
    _BIT_POSITION[((0x03F79D71B4CB0A89 << _bit) & 0xFFFFFFFFFFFFFFFF) >> 58] = _bit


def paint(image: VectorImage, size: int) -> np.ndarray:
    """Returns uint8[size, size, 3]."""
    return _paint(
        image.commands,
        image.points,
        image.command_starts,
        image.point_starts,
        image.colors,
        0.5 * image.stroke_width,
        size / image.width,
        size / image.height,
        size,
    )


@jit
def _paint(commands, points, command_starts, point_starts, colors, half_width, scale_x, scale_y, size):
    canvas = np.full((size, size), _LANES, np.uint64)  # White.
    areas = np.zeros((size, size + 2, 3), np.float32)
    touched = np.zeros((size, (size + 2 + 63) // 64), np.uint64)
    corners = np.empty((7, 256))
    moved = np.empty((2, 3 * 256))
    edges = np.empty((4, 1024))
    cells = np.empty(size * (size + 2), np.int32)
    filled, stroked = np.empty(len(cells), np.float32), np.empty(len(cells), np.float32)
    row_starts = np.zeros(size + 1, np.int32)
    for path in range(len(colors)):
        top, bottom = size, 0
        num_edges = 0
        # Of one type from the start, or the callees would be compiled for two.
        start, stop, point = np.int64(command_starts[path]), command_starts[path + 1], np.int64(point_starts[path])
        while start < stop:
            end, next_point = start + 1, point + 1
            while end < stop and commands[end] != MOVE:
                next_point += POINTS_PER_COMMAND[commands[end]]
                end += 1
            bound = count_corners(commands, points, start, end, point, scale_x, scale_y)
            if bound > corners.shape[1]:
                corners, moved = np.empty((7, 2 * bound)), np.empty((2, 6 * bound))
            count = flatten(commands, points, start, end, point, scale_x, scale_y, corners)
            start, point = end, next_point
            if count < 2:
                continue
            if num_edges + count > edges.shape[1]:
                edges = _grown(edges, 2 * (num_edges + count))
            num_edges = _keep_edges(corners, count, scale_x, scale_y, edges, num_edges)
            first, last = _add_polygon(corners, count, scale_x, scale_y, areas, touched, _FILL)
            top, bottom = min(top, first), max(bottom, last)
            if half_width > 0:
                for side, distance in ((_RIGHT, half_width), (_LEFT, -half_width)):
                    count_moved = offset(corners, count, distance, moved)
                    first, last = _add_polygon(moved, count_moved, scale_x, scale_y, areas, touched, side)
                    top, bottom = min(top, first), max(bottom, last)
        color = np.uint64(0)
        for channel in range(3):
            color |= np.uint64(colors[path, channel]) << np.uint64(channel * _LANE)
        is_crossed = False
        for row in range(top, bottom):
            is_crossed |= _sum_row(areas, touched, row, top, row_starts, cells, filled, stroked)
        if is_crossed:
            _fill_finely(edges, num_edges, top, bottom, size, row_starts, cells, filled)
        opacity = np.float32(colors[path, 3] / 255.0)
        for row in range(top, bottom):
            begin, end = row_starts[row - top], row_starts[row - top + 1]
            _paint_row(canvas, row, cells[begin:end], filled[begin:end], stroked[begin:end], color, opacity)
    return _channels(canvas)


@jit_callee
def _channels(canvas):
    """Returns uint8[S, S, 3] from the canvas."""
    size = len(canvas)
    out = np.empty((size, size, 3), np.uint8)
    for y in range(size):
        for x in range(size):
            for channel in range(3):
                out[y, x, channel] = np.uint8(canvas[y, x] >> np.uint64(channel * _LANE))
    return out


@jit_callee
def _add_polygon(corners, count, scale_x, scale_y, areas, touched, channel):
    """Adds the signed area right of each edge; returns the rows from the first to one past the last that may be touched."""
    size = areas.shape[0]
    x0, y0 = _pixel(corners[X, count - 1], scale_x), _pixel(corners[Y, count - 1], scale_y)
    low, high = y0, y0
    for i in range(count):
        x1, y1 = _pixel(corners[X, i], scale_x), _pixel(corners[Y, i], scale_y)
        low, high = min(low, y1), max(high, y1)
        _add_edge(x0, y0, x1, y1, areas, touched, channel)
        x0, y0 = x1, y1
    return max(0, math.floor(min(low, size))), min(size, math.ceil(max(high, 0.0)))


@jit_inline
def _pixel(coordinate, scale):
    return min(max(coordinate * scale, -_FAR), _FAR)


@jit_inline
def _add_edge(x0, y0, x1, y1, areas, touched, channel):
    """Adds the signed area right of one edge: positive for edges that lead down."""
    size = areas.shape[0]
    low_x, high_x, low_y, high_y = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    if low_y == high_y or high_y <= 0 or low_y >= size or low_x >= size:
        return
    if low_x < 0 or low_y < 0 or high_x > size or high_y > size:
        _add_clipped(x0, y0, x1, y1, areas, touched, channel)
        return
    row = int(low_y)
    if high_y <= row + 1:  # Most edges lie within one row.
        _add_cells(low_x, high_x, np.float32(y1 - y0), areas, touched, row, channel)
    elif y0 < y1:
        _add_rows(x0, y0, x1, y1, np.float32(1), areas, touched, channel)
    else:
        _add_rows(x1, y1, x0, y0, np.float32(-1), areas, touched, channel)


@jit_callee
def _add_clipped(x0, y0, x1, y1, areas, touched, channel):
    """Adds what an edge contributes to the canvas: what is left of it counts from its border on, what is right does not.

    Pieces beyond either border become upright ones on it, so that no piece meets a border inside a row.
    """
    size = areas.shape[0]
    sign = np.float32(1)
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
        sign = np.float32(-1)
    slope = (x1 - x0) / (y1 - y0)
    if y0 < 0:
        x0, y0 = x0 - slope * y0, 0.0
    if y1 > size:
        x1, y1 = x0 + slope * (size - y0), np.float64(size)
    near, far = (0.0, np.float64(size)) if x0 < x1 else (np.float64(size), 0.0)
    for border in (near, far):
        if min(x0, x1) < border < max(x0, x1):
            y = min(max(y0 + (border - x0) / slope, y0), y1)
            _add_rows(min(max(x0, 0.0), size), y0, border, y, sign, areas, touched, channel)
            x0, y0 = border, y
    _add_rows(min(max(x0, 0.0), size), y0, min(max(x1, 0.0), size), y1, sign, areas, touched, channel)


@jit_inline
def _add_rows(x0, y0, x1, y1, sign, areas, touched, channel):
    """Adds an edge that lies within the canvas and leads down, row by row."""
    if y0 >= y1:
        return
    slope = (x1 - x0) / (y1 - y0)
    low_x, high_x = min(x0, x1), max(x0, x1)
    row = int(y0)
    x, y = x0, y0
    while y < y1:
        next_y = min(row + 1.0, y1)
        # Rounding must not carry the end of a row beyond the edge's own ends.
        next_x = min(max(x0 + slope * (next_y - y0), low_x), high_x)
        _add_cells(min(x, next_x), max(x, next_x), sign * np.float32(next_y - y), areas, touched, row, channel)
        x, y = next_x, next_y
        row += 1


@jit_inline
def _add_cells(left, right, height, areas, touched, row, channel):
    """Adds the area right of an edge within one row, so that the running sum gives each pixel's share.

    The pixel with the edge gets the part of it that is right of the edge, the next one the rest; a flat edge spreads over more.
    """
    first = int(left)
    last = int(right)
    if first == last:
        share = height * np.float32(0.5 * (left + right) - first)
        areas[row, first, channel] += height - share
        areas[row, first + 1, channel] += share
    else:
        per_pixel = height / np.float32(right - left)
        into = np.float32(first + 1 - left)
        covered = np.float32(0.5) * per_pixel * into * into
        areas[row, first, channel] += covered
        before = covered
        reached = per_pixel * into
        for cell in range(first + 1, last):
            covered = reached + np.float32(0.5) * per_pixel
            areas[row, cell, channel] += covered - before
            before = covered
            reached += per_pixel
        into = np.float32(right - last)
        covered = reached + per_pixel * into * (np.float32(1.0) - np.float32(0.5) * into)
        areas[row, last, channel] += covered - before
        areas[row, last + 1, channel] += height - covered
    if first == last and first & 63 != 63:
        touched[row, first >> 6] |= np.uint64(3) << np.uint64(first & 63)
    else:
        for cell in range(first, last + 2):
            touched[row, cell >> 6] |= np.uint64(1) << np.uint64(cell & 63)


@jit_inline
def _sum_row(areas, touched, row, top, row_starts, cells, filled, stroked):
    """Turns one row's areas into runs of pixels of equal coverage, and clears them for the next path.

    Runs row_starts[row - top] to row_starts[row - top + 1] are set: `cells`, where each begins, and what share of it the fill
    and the stroke cover.

    Returns:
      Whether the path crosses itself here: it winds twice, or both ways.
    """
    fill, right, left = np.float32(0), np.float32(0), np.float32(0)
    lowest_fill, highest_fill = fill, fill
    count = row_starts[row - top]
    for word in range(touched.shape[1]):
        bits = touched[row, word]
        touched[row, word] = np.uint64(0)
        while bits != np.uint64(0):
            lowest = bits & (~bits + np.uint64(1))
            bits ^= lowest
            cell = 64 * word + _BIT_POSITION[np.int64((lowest * _DE_BRUIJN) >> np.uint64(58))]
            fill += areas[row, cell, _FILL]
            right += areas[row, cell, _RIGHT]
            left += areas[row, cell, _LEFT]
            areas[row, cell, _FILL] = areas[row, cell, _RIGHT] = areas[row, cell, _LEFT] = np.float32(0)
            lowest_fill, highest_fill = min(lowest_fill, fill), max(highest_fill, fill)
            cells[count], filled[count], stroked[count] = cell, min(abs(fill), np.float32(1)), _stroke(right, left)
            count += 1
    row_starts[row - top + 1] = count
    tolerance = 10 * _NOISE
    return highest_fill - lowest_fill > 1 + tolerance or (lowest_fill < -tolerance and highest_fill > tolerance)


@jit_inline
def _paint_row(canvas, row, cells, filled, stroked, color, opacity):
    """Paints one row's runs: the fill, then the stroke over it."""
    size = len(canvas)
    one = np.float32(1)
    for i in range(len(cells)):
        alpha = one - (one - opacity * filled[i]) * (one - opacity * stroked[i])
        if alpha > _NOISE:
            stop = cells[i + 1] if i + 1 < len(cells) else size
            _paint_run(canvas, row, cells[i], min(stop, size), color, one if alpha > one - _NOISE else alpha)


@jit_inline
def _stroke(right, left):
    """Returns the stroke's share of a pixel."""
    one, zero = np.float32(1), np.float32(0)
    forwards = min(max(right, zero), one) - min(max(left, zero), one)
    backwards = min(max(-left, zero), one) - min(max(-right, zero), one)
    return max(forwards, backwards, zero)


@jit_callee
def _fill_finely(edges, num_edges, top, bottom, size, row_starts, cells, filled):
    """Replaces `filled`, the fill's share of each run, by what spans of non-zero winding cover.

    Each of `_LINES` lines through a row is exact along x.
    """
    here = np.empty(num_edges, np.int32)
    crossings = np.empty((2, num_edges))
    steps = np.zeros(size + 2, np.float32)
    for row in range(top, bottom):
        num_here = 0
        for i in range(num_edges):
            if min(edges[1, i], edges[3, i]) < row + 1 and max(edges[1, i], edges[3, i]) > row:
                here[num_here] = i
                num_here += 1
        for line in range(_LINES):
            y = row + (line + 0.5) / _LINES
            winding = 0.0
            for i in range(_sorted_crossings(edges, here[:num_here], y, crossings)):
                if winding == 0:
                    _add_step(steps, crossings[0, i], size, np.float32(1 / _LINES))
                winding += crossings[1, i]
                if winding == 0:
                    _add_step(steps, crossings[0, i], size, np.float32(-1 / _LINES))
        share = np.float32(0)
        cell = 0
        for i in range(row_starts[row - top], row_starts[row - top + 1]):
            while cell <= cells[i]:
                share += steps[cell]
                cell += 1
            filled[i] = min(max(share, np.float32(0)), np.float32(1))
        steps[:] = np.float32(0)


@jit_callee
def _sorted_crossings(edges, here, y, crossings):
    """Fills crossings with the x at which edges cross the line y, ascending, and the winding each adds; returns how many."""
    count = 0
    for i in here:
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


@jit_inline
def _add_step(steps, x, size, height):
    """Adds what lies right of x to the running sum."""
    x = min(max(x, 0.0), np.float64(size))
    cell = int(x)
    share = height * np.float32(x - cell)
    steps[cell] += height - share
    steps[cell + 1] += share


@jit_callee
def _keep_edges(corners, count, scale_x, scale_y, edges, num_edges):
    """Appends a polygon's edges, float64[4, n]: x0, y0, x1, y1 in pixels; returns their number."""
    x0, y0 = _pixel(corners[X, count - 1], scale_x), _pixel(corners[Y, count - 1], scale_y)
    for i in range(count):
        x1, y1 = _pixel(corners[X, i], scale_x), _pixel(corners[Y, i], scale_y)
        edges[0, num_edges], edges[1, num_edges], edges[2, num_edges], edges[3, num_edges] = x0, y0, x1, y1
        x0, y0 = x1, y1
        num_edges += 1
    return num_edges


@jit_callee
def _grown(edges, columns):
    larger = np.empty((len(edges), columns))
    for row in range(len(edges)):  # An assignment of slices would compile numba's handling of strings for its error message.
        for column in range(edges.shape[1]):
            larger[row, column] = edges[row, column]
    return larger


@jit_inline
def _paint_run(canvas, row, start, stop, color, alpha):
    if alpha >= 1:
        for x in range(start, stop):
            canvas[row, x] = color
    else:
        weight = np.uint64(alpha * (1 << _WEIGHT_BITS) + np.float32(0.5))
        rest = np.uint64(1 << _WEIGHT_BITS) - weight
        above = color * weight + _HALVES
        for x in range(start, stop):
            canvas[row, x] = ((canvas[row, x] * rest + above) >> np.uint64(_WEIGHT_BITS)) & _LANES
