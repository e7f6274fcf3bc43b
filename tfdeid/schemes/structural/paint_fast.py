"""Painting by exact area coverage, compiled: the default painter.

Three signed areas are summed for every pixel that an edge of the path passes through: of the path's polygon (F), and of the
polygon moved to either side by half the stroke width (E right, I left). From left to right the running sums tell the winding
number averaged over the pixel, and from these follow

- the fill's coverage, min(|F|, 1): non-zero winding. Where the path crosses itself, opposite windings within a pixel would
  cancel; a path whose F leaves [0, 1] or [-1, 0] anywhere is filled along finer lines instead, as cairo does;
- the stroke's coverage: what E covers and I does not, or, where the path winds the other way, what I covers and E does not. An
  edge of the stroke that turns inside out, as in shapes thinner than the stroke, gets a sum of opposite sign and drops out.

Pixels that no edge passes through repeat their left neighbour's coverage, so they are skipped or filled as runs. The sums of a
path are kept for its box alone, which mostly fits in the first cache: waiting for memory was what took longest.
"""

from __future__ import annotations

import math

import numpy as np

from tfdeid.schemes.jit import jit, jit_callee, jit_inline
from tfdeid.schemes.structural.outline import X, Y, count_corners, flatten, offset
from tfdeid.schemes.structural.paint_crossed import WEIGHT_BITS, fill_finely, weight
from tfdeid.schemes.structural.vector_image import MOVE, POINTS_PER_COMMAND, VectorImage

_FILL, _RIGHT, _LEFT = range(3)
# Sums a pixel, so that its own lie in one vector, and pixels beyond the right border in which edges on it are summed.
_SUMS, _BEYOND = 4, 3
# Sums of single-precision areas that should be 0 or 1 are off by less than this.
_NOISE = np.float32(1e-4)
# Coordinates beyond this many pixels are moved to it; cairo's end there as well.
_FAR = 8e6

# A pixel is mixed as three lanes of one 64-bit word, so that one multiplication mixes all three channels: 8 bits of colour
# leave room for weights up to 2**11 in a lane of 21 bits. The canvas holds it in 32 bits, so that it fits in the cache.
_LANE = 21
_HALVES = np.uint64((1 | 1 << _LANE | 1 << 2 * _LANE) << (WEIGHT_BITS - 1))
_GREEN, _BLUE = np.uint64(8), np.uint64(16)
_RED_BITS, _GREEN_BITS, _BLUE_BITS = np.uint64(0xFF), np.uint64(0xFF00), np.uint64(0xFF0000)

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
    canvas = np.full(size * size, 0xFFFFFF, np.uint32)  # White.
    areas, touched = np.zeros(1 << 14, np.float32), np.zeros(size + 2, np.uint64)
    corners, moved = np.empty((7, 256)), np.empty((2, 3 * 256))
    # The polygons of a path in pixels, and where each begins: one for each contour, or three where there is a stroke.
    polygons, starts, kinds = np.empty((2, 2048)), np.zeros(64, np.int64), 3 if half_width > 0 else 1
    # The runs of all rows of a path; each row's end with one that begins at the right border.
    cells = np.empty(size * (size + _BEYOND + 1), np.int32)
    weights, stroked = np.empty(len(cells), np.int32), np.empty(len(cells), np.float32)
    row_starts = np.zeros(size + 1, np.int32)
    for path in range(len(colors)):
        num = 0
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
            if starts[num] + 7 * count > polygons.shape[1]:
                polygons = _grown(polygons, 2 * (starts[num] + 7 * count))
            if num + kinds >= len(starts):
                starts = _doubled(starts)
            starts[num + 1] = _keep(corners, count, scale_x, scale_y, polygons, starts[num])
            if half_width > 0:
                for side, distance in ((_RIGHT, half_width), (_LEFT, -half_width)):
                    count_moved = offset(corners, count, distance, moved)
                    starts[num + side + 1] = _keep(moved, count_moved, scale_x, scale_y, polygons, starts[num + side])
            num += kinds
        left, top, right, bottom = _box(polygons, starts[num], size)
        width = right - left + _BEYOND
        needed = _SUMS * width * (bottom - top)
        if needed > len(areas):
            areas = np.zeros(min(2 * needed, _SUMS * (size + 1 + _BEYOND) * size), np.float32)
        words = (width + 63) // 64
        if words * (bottom - top) > len(touched):
            touched = np.zeros(words * size, np.uint64)
        _add_polygons(polygons, starts, num, kinds, areas, touched, left, top, width, size)
        color = np.uint64(colors[path, 0]) | np.uint64(colors[path, 1]) << _GREEN | np.uint64(colors[path, 2]) << _BLUE
        opacity = np.float32(colors[path, 3] / 255.0)
        is_crossed = False
        for row in range(bottom - top):
            is_crossed |= _sum_row(areas, touched, row, left, width, size, row_starts, cells, weights, stroked, opacity)
        if is_crossed:
            fill_finely(polygons, starts[: num + 1], kinds, top, bottom, size, row_starts, cells, weights, stroked, opacity)
        for row in range(bottom - top):
            _paint_row(canvas, (row + top) * size, row_starts[row], row_starts[row + 1], cells, weights, color)
    return _channels(canvas, size)


@jit_callee
def _channels(canvas, size):
    """Returns uint8[S, S, 3] from the canvas."""
    out = np.empty((size, size, 3), np.uint8)
    for y in range(size):
        for x in range(size):
            pixel = canvas[y * size + x]
            out[y, x, 0] = pixel & np.uint32(0xFF)
            out[y, x, 1] = (pixel >> np.uint32(8)) & np.uint32(0xFF)
            out[y, x, 2] = pixel >> np.uint32(16)
    return out


@jit_inline
def _keep(corners, count, scale_x, scale_y, polygons, start):
    """Writes a polygon's corners in pixels; returns where they end."""
    for i in range(count):
        polygons[X, start + i], polygons[Y, start + i] = _pixel(corners[X, i], scale_x), _pixel(corners[Y, i], scale_y)
    return start + count


@jit_callee
def _box(polygons, stop, size):
    """Returns left, top, right and bottom of the pixels that polygons reach, the last two exclusive.

    A pixel more is taken at the left and the right, since the ends of clipped edges are rounded.
    """
    low_x, low_y, high_x, high_y = np.float64(size), np.float64(size), 0.0, 0.0
    for i in range(stop):
        x, y = polygons[X, i], polygons[Y, i]
        low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
    left, right = max(0, math.floor(low_x) - 1), min(size, math.floor(high_x) + 1) + 1
    top, bottom = max(0, math.floor(low_y)), min(size, math.ceil(high_y))
    return left, top, right, max(bottom, top)


@jit_callee
def _add_polygons(polygons, starts, num_polygons, kinds, areas, touched, left, top, width, size):
    """Adds the signed area right of each edge to the sums of the path's box, one sum for each kind of polygon."""
    for k in range(num_polygons):
        x0, y0 = polygons[X, starts[k + 1] - 1], polygons[Y, starts[k + 1] - 1]
        # Where the sum of the pixel at (0, 0) would be.
        origin = k % kinds - _SUMS * (top * width + left)
        for i in range(starts[k], starts[k + 1]):
            x1, y1 = polygons[X, i], polygons[Y, i]
            low_x, high_x, low_y, high_y = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            if low_y < high_y and high_y > 0 and low_y < size and low_x < size:
                sign, top_x, bottom_x = (np.float32(1), x0, x1) if y0 < y1 else (np.float32(-1), x1, x0)
                if low_x < 0 or low_y < 0 or high_x > size or high_y > size:
                    _add_clipped(top_x, low_y, bottom_x, high_y, sign, areas, touched, origin, left, top, width, size)
                else:
                    _add_rows(top_x, low_y, bottom_x, high_y, sign, areas, touched, origin, left, top, width, True)
            x0, y0 = x1, y1


@jit_inline
def _pixel(coordinate, scale):
    return min(max(coordinate * scale, -_FAR), _FAR)


@jit_callee
def _add_clipped(x0, y0, x1, y1, sign, areas, touched, origin, left, top, width, size):
    """Adds what an edge that leads down contributes to the canvas: what is left of it counts from its border on.

    Pieces beyond either border become upright ones on it, so that no piece meets a border inside a row.
    """
    slope = (x1 - x0) / (y1 - y0)
    if y0 < 0:
        x0, y0 = x0 - slope * y0, 0.0
    if y1 > size:
        x1, y1 = x0 + slope * (size - y0), np.float64(size)
    near, far = (0.0, np.float64(size)) if x0 < x1 else (np.float64(size), 0.0)
    for border in (near, far, np.nan):  # The last piece ends at no border.
        end_x, y = min(max(x1, 0.0), np.float64(size)), y1
        if min(x0, x1) < border < max(x0, x1):
            end_x, y = border, min(max(y0 + (border - x0) / slope, y0), y1)
        elif not np.isnan(border):
            continue
        _add_rows(min(max(x0, 0.0), np.float64(size)), y0, end_x, y, sign, areas, touched, origin, left, top, width, False)
        x0, y0 = border, y


@jit_inline
def _add_rows(x0, y0, x1, y1, sign, areas, touched, origin, left, top, width, is_whole):
    """Adds an edge that lies within the canvas and leads down, row by row."""
    slope = (x1 - x0) / (y1 - y0)
    low_x, high_x = min(x0, x1), max(x0, x1)
    row = int(y0)
    x, y = x0, y0
    is_short = is_whole and y1 <= row + 1
    base = origin + row * width * _SUMS
    words = (width + 63) >> 6
    word = (row - top) * words
    while y < y1:
        next_y = min(row + 1.0, y1)
        # Rounding must not carry the end of a row beyond the edge's own ends.
        next_x = x1 if is_short else min(max(x0 + slope * (next_y - y0), low_x), high_x)
        _add_cells(min(x, next_x), max(x, next_x), sign * np.float32(next_y - y), areas, touched, base, word, left)
        x, y = next_x, next_y
        row += 1
        base += width * _SUMS
        word += words


@jit_inline
def _add_cells(low, high, height, areas, touched, base, word, left):
    """Adds the area right of an edge within one row, so that the running sum gives each pixel's share.

    The pixel with the edge gets the part of it that is right of the edge, the next one the rest; a flat edge spreads over more.
    """
    first = int(low)
    last = int(high)
    base += first * _SUMS
    if first == last:
        share = height * np.float32(0.5 * (low + high) - first)
        areas[np.uint64(base)] += height - share
        areas[np.uint64(base + _SUMS)] += share
    else:
        per_pixel = height / np.float32(high - low)
        into = np.float32(first + 1 - low)
        covered = np.float32(0.5) * per_pixel * into * into
        areas[np.uint64(base)] += covered
        before = covered
        reached = per_pixel * into
        for _ in range(first + 1, last):
            base += _SUMS
            covered = reached + np.float32(0.5) * per_pixel
            areas[np.uint64(base)] += covered - before
            before = covered
            reached += per_pixel
        into = np.float32(high - last)
        covered = reached + per_pixel * into * (np.float32(1.0) - np.float32(0.5) * into)
        areas[np.uint64(base + _SUMS)] += covered - before
        areas[np.uint64(base + 2 * _SUMS)] += height - covered
    first -= left
    last -= left
    if first == last and first & 63 != 63:
        touched[np.uint64(word + (first >> 6))] |= np.uint64(3) << np.uint64(first & 63)
    else:
        for cell in range(first, last + 2):
            touched[np.uint64(word + (cell >> 6))] |= np.uint64(1) << np.uint64(cell & 63)


@jit_inline
def _sum_row(areas, touched, row, left_border, width, size, row_starts, cells, weights, stroked, opacity):
    """Turns one row's areas into runs of pixels of equal coverage, and clears them for the next path.

    Runs row_starts[row] to row_starts[row + 1] are set, `row` counted from the box's top: `cells`, where each begins, the
    weight of the path's colour there, and what share the stroke covers.

    Returns:
      Whether the path crosses itself here: it winds twice, or both ways.
    """
    fill, right, left = np.float32(0), np.float32(0), np.float32(0)
    lowest_fill, highest_fill = fill, fill
    count = row_starts[row]
    words = (width + 63) >> 6
    for word in range(words):
        bits = touched[np.uint64(row * words + word)]
        touched[np.uint64(row * words + word)] = np.uint64(0)
        while bits != np.uint64(0):
            lowest = bits & (~bits + np.uint64(1))
            bits ^= lowest
            cell = 64 * word + _BIT_POSITION[(lowest * _DE_BRUIJN) >> np.uint64(58)]
            base = (row * width + cell) * _SUMS
            fill += areas[np.uint64(base + _FILL)]
            right += areas[np.uint64(base + _RIGHT)]
            left += areas[np.uint64(base + _LEFT)]
            for k in range(_SUMS):
                areas[np.uint64(base + k)] = np.float32(0)
            lowest_fill, highest_fill = min(lowest_fill, fill), max(highest_fill, fill)
            stroke = _stroke(right, left)
            cells[np.uint64(count)], stroked[np.uint64(count)] = min(cell + left_border, size), stroke
            weights[np.uint64(count)] = weight(min(abs(fill), np.float32(1)), stroke, opacity)
            count += 1
    cells[count] = size
    row_starts[row + 1] = count + 1
    tolerance = 10 * _NOISE
    return highest_fill - lowest_fill > 1 + tolerance or (lowest_fill < -tolerance and highest_fill > tolerance)


@jit_inline
def _stroke(right, left):
    """Returns the stroke's share of a pixel."""
    one, zero = np.float32(1), np.float32(0)
    forwards = min(max(right, zero), one) - min(max(left, zero), one)
    backwards = min(max(-left, zero), one) - min(max(-right, zero), one)
    return max(forwards, backwards, zero)


@jit_inline
def _paint_row(canvas, row, begin, end, cells, weights, color):
    """Paints one row's runs."""
    lanes = _spread(color)
    for i in range(begin, end - 1):
        share = weights[np.uint64(i)]
        if share > 0:
            start, stop = row + cells[np.uint64(i)], row + cells[np.uint64(i + 1)]
            if share == 1 << WEIGHT_BITS:
                for pixel in range(start, stop):
                    canvas[np.uint64(pixel)] = color
            else:
                rest = np.uint64((1 << WEIGHT_BITS) - share)
                above = lanes * np.uint64(share) + _HALVES
                for pixel in range(start, stop):
                    mixed = _spread(np.uint64(canvas[np.uint64(pixel)])) * rest + above
                    canvas[np.uint64(pixel)] = _packed(mixed >> np.uint64(WEIGHT_BITS))


@jit_inline
def _spread(pixel):
    """Returns a pixel's channels as three lanes of a word."""
    return (
        (pixel & _RED_BITS) | (pixel & _GREEN_BITS) << np.uint64(_LANE - 8) | (pixel & _BLUE_BITS) << np.uint64(2 * _LANE - 16)
    )


@jit_inline
def _packed(lanes):
    green, blue = lanes >> np.uint64(_LANE - 8), lanes >> np.uint64(2 * _LANE - 16)
    return (lanes & _RED_BITS) | (green & _GREEN_BITS) | (blue & _BLUE_BITS)


# By loops: an assignment of slices would compile numba's handling of strings, for its error message.
@jit_callee
def _grown(edges, columns):
    larger = np.empty((len(edges), columns))
    for row in range(len(edges)):
        for column in range(edges.shape[1]):
            larger[row, column] = edges[row, column]
    return larger


@jit_callee
def _doubled(numbers):
    longer = np.zeros(2 * len(numbers), np.int64)
    for i in range(len(numbers)):
        longer[i] = numbers[i]
    return longer
