"""Painting by exact area coverage, compiled: the default painter.

Three signed areas are summed for every pixel that an edge of the path passes through: of the path's polygon (F), and of the
polygon moved to either side by half the stroke width (E right, I left). From left to right the running sums tell the winding
number averaged over the pixel, and from these follow

- the fill's coverage, min(|F|, 1): non-zero winding;
- the stroke's coverage: what E covers and I does not, or, where the path winds the other way, what I covers and E does not. An
  edge of the stroke that turns inside out, as in shapes thinner than the stroke, gets a sum of opposite sign and drops out.

Pixels that no edge passes through repeat their left neighbour's coverage, so they are skipped or filled as runs.
"""

from __future__ import annotations

import math

import numpy as np

from tfdeid.schemes.jit import jit
from tfdeid.schemes.structural.outline import count_corners, flatten, offset
from tfdeid.schemes.structural.vector_image import MOVE, POINTS_PER_COMMAND, VectorImage

_FILL, _RIGHT, _LEFT = range(3)
# Sums of single-precision areas that should be 0 or 1 are off by less than this.
_NOISE = np.float32(1e-4)
# Coordinates beyond this many pixels are moved to it; cairo's end there as well.
_FAR = 8e6
_WHITE = 0xFFFFFF

# Position of the lowest set bit of a word: the bit times this constant has the position's table index in its top 6 bits.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_POSITION = np.zeros(64, np.int64)
for _bit in range(64):
    _BIT_POSITION[((0x03F79D71B4CB0A89 << _bit) & 0xFFFFFFFFFFFFFFFF) >> 58] = _bit


def paint(image: VectorImage, size: int) -> np.ndarray:
    """Returns uint8[size, size, 3]."""
    words = _paint(
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
    return words.view(np.uint8).reshape(size, size, 4)[:, :, _CHANNELS].copy()


# A pixel is one word 0x00BBGGRR, so that runs are filled a word at a time.
_CHANNELS = slice(0, 3) if np.little_endian else slice(3, 0, -1)


@jit
def _paint(commands, points, command_starts, point_starts, colors, half_width, scale_x, scale_y, size):
    canvas = np.full((size, size), _WHITE, np.uint32)
    areas = np.zeros((size, size + 2, 3), np.float32)
    touched = np.zeros((size, (size + 2 + 63) // 64), np.uint64)
    xs, ys = np.empty(256), np.empty(256)
    out_x, out_y = np.empty(768), np.empty(768)
    for path in range(len(colors)):
        top, bottom = size, 0
        start, stop, point = command_starts[path], command_starts[path + 1], point_starts[path]
        while start < stop:
            end, next_point = start + 1, point + 1
            while end < stop and commands[end] != MOVE:
                next_point += POINTS_PER_COMMAND[commands[end]]
                end += 1
            corners = count_corners(commands, points, start, end, point, scale_x, scale_y)
            if corners > len(xs):
                xs, ys = np.empty(2 * corners), np.empty(2 * corners)
                out_x, out_y = np.empty(6 * corners), np.empty(6 * corners)
            count = flatten(commands, points, start, end, point, scale_x, scale_y, xs, ys)
            start, point = end, next_point
            if count < 2:
                continue
            first, last = _add_polygon(xs, ys, count, scale_x, scale_y, areas, touched, _FILL)
            top, bottom = min(top, first), max(bottom, last)
            if half_width > 0:
                for side, distance in ((_RIGHT, half_width), (_LEFT, -half_width)):
                    moved = offset(xs, ys, count, distance, out_x, out_y)
                    first, last = _add_polygon(out_x, out_y, moved, scale_x, scale_y, areas, touched, side)
                    top, bottom = min(top, first), max(bottom, last)
        color = np.uint32(colors[path, 0]) | np.uint32(colors[path, 1]) << 8 | np.uint32(colors[path, 2]) << 16
        for row in range(top, bottom):
            _paint_row(canvas[row], areas[row], touched[row], color, np.float32(colors[path, 3] / 255.0))
    return canvas


@jit
def _add_polygon(xs, ys, count, scale_x, scale_y, areas, touched, channel):
    """Adds the signed area right of each edge; returns the rows from the first to one past the last that may be touched."""
    size = areas.shape[0]
    x0, y0 = _pixel(xs[count - 1], scale_x), _pixel(ys[count - 1], scale_y)
    low, high = y0, y0
    for i in range(count):
        x1, y1 = _pixel(xs[i], scale_x), _pixel(ys[i], scale_y)
        low, high = min(low, y1), max(high, y1)
        _add_edge(x0, y0, x1, y1, areas, touched, channel)
        x0, y0 = x1, y1
    return max(0, math.floor(min(low, size))), min(size, math.ceil(max(high, 0.0)))


@jit
def _pixel(coordinate, scale):
    return min(max(coordinate * scale, -_FAR), _FAR)


@jit
def _add_edge(x0, y0, x1, y1, areas, touched, channel):
    """Clips an edge to the canvas: what is left of it counts from its border on, what is right of it does not count."""
    size = areas.shape[0]
    if y0 == y1 or max(y0, y1) <= 0 or min(y0, y1) >= size or min(x0, x1) >= size:
        return
    sign = np.float32(1.0)
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
        sign = np.float32(-1.0)
    slope = (x1 - x0) / (y1 - y0)
    if y0 < 0:
        x0, y0 = x0 - slope * y0, 0.0
    if y1 > size:
        x1, y1 = x0 + slope * (size - y0), np.float64(size)
    # Pieces beyond either border become upright ones on it, so that a piece within meets no border inside a row.
    for border in (0.0, np.float64(size)):
        if (x0 < border) != (x1 < border) and x0 != border and x1 != border:
            y = min(max(y0 + (border - x0) / slope, y0), y1)
            _add_rows(min(max(x0, 0.0), size), y0, border, y, sign, areas, touched, channel)
            x0, y0 = border, y
    _add_rows(min(max(x0, 0.0), size), y0, min(max(x1, 0.0), size), y1, sign, areas, touched, channel)


@jit
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
        _add_cells(min(x, next_x), max(x, next_x), sign * np.float32(next_y - y), areas[row], touched[row], channel)
        x, y = next_x, next_y
        row += 1


@jit
def _add_cells(left, right, height, areas, touched, channel):
    """Adds the area right of an edge within one row, so that the running sum gives each pixel's share.

    The pixel with the edge gets the part of it that is right of the edge, the next one the rest; a flat edge spreads over more.
    """
    first = int(left)
    last = int(right)
    if first == last:
        share = height * np.float32(0.5 * (left + right) - first)
        areas[first, channel] += height - share
        areas[first + 1, channel] += share
    else:
        per_pixel = height / np.float32(right - left)
        into = np.float32(first + 1 - left)
        covered = np.float32(0.5) * per_pixel * into * into
        areas[first, channel] += covered
        before = covered
        reached = per_pixel * into
        for cell in range(first + 1, last):
            covered = reached + np.float32(0.5) * per_pixel
            areas[cell, channel] += covered - before
            before = covered
            reached += per_pixel
        into = np.float32(right - last)
        covered = reached + per_pixel * into * (np.float32(1.0) - np.float32(0.5) * into)
        areas[last, channel] += covered - before
        areas[last + 1, channel] += height - covered
    for cell in range(first, last + 2):
        touched[cell >> 6] |= np.uint64(1) << np.uint64(cell & 63)


@jit
def _paint_row(canvas, areas, touched, color, opacity):
    """Turns one row's areas into colour, and clears them for the next path."""
    size = len(canvas)
    fill, right, left = np.float32(0), np.float32(0), np.float32(0)
    start = 0
    alpha = np.float32(0)
    for word in range(len(touched)):
        bits = touched[word]
        touched[word] = np.uint64(0)
        while bits != np.uint64(0):
            lowest = bits & (~bits + np.uint64(1))
            bits ^= lowest
            cell = 64 * word + _BIT_POSITION[np.int64((lowest * _DE_BRUIJN) >> np.uint64(58))]
            if alpha > 0:
                _paint_run(canvas, start, min(cell, size), color, alpha)
            fill += areas[cell, _FILL]
            right += areas[cell, _RIGHT]
            left += areas[cell, _LEFT]
            areas[cell, _FILL] = areas[cell, _RIGHT] = areas[cell, _LEFT] = np.float32(0)
            alpha = _alpha(fill, right, left, opacity)
            start = cell
    if alpha > 0:
        _paint_run(canvas, start, size, color, alpha)


@jit
def _alpha(fill, right, left, opacity):
    """Returns how much of the colour a pixel takes: the fill, then the stroke over it."""
    one, zero = np.float32(1), np.float32(0)
    forwards = min(max(right, zero), one) - min(max(left, zero), one)
    backwards = min(max(-left, zero), one) - min(max(-right, zero), one)
    stroked = opacity * max(forwards, backwards, zero)
    filled = opacity * min(abs(fill), one)
    alpha = one - (one - filled) * (one - stroked)
    if alpha < _NOISE:
        return zero
    return one if alpha > one - _NOISE else alpha


@jit
def _paint_run(canvas, start, stop, color, alpha):
    if alpha >= 1:
        for x in range(start, stop):
            canvas[x] = color
        return
    weight = np.float32(alpha)
    for x in range(start, stop):
        old = canvas[x]
        mixed = np.uint32(0)
        for shift in (np.uint32(0), np.uint32(8), np.uint32(16)):
            below = np.float32((old >> shift) & np.uint32(255))
            above = np.float32((color >> shift) & np.uint32(255))
            mixed |= np.uint32(below + (above - below) * weight + np.float32(0.5)) << shift
        canvas[x] = mixed
