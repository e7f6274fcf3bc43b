"""From a contour's commands to the three closed polygons that painting it takes: its outline and both edges of its stroke."""

from __future__ import annotations

import math

import numpy as np

from tfdeid.schemes.jit import jit
from tfdeid.schemes.structural.vector_image import CLOSE, QUADRATIC

# Largest distance in pixels between a spline and the chords that stand for it.
_TOLERANCE = 0.05
# A mitre longer than this many half-widths becomes a bevel: SVG's default limit, 1 / sin(angle / 2) <= 4.
_MIN_MITER_COSINE = 2 / 4.0**2 - 1


@jit
def count_corners(commands, points, start, stop, point, scale_x, scale_y):
    """Returns an upper bound for the corners of the contour that commands[start:stop] draw."""
    count = 0
    x, y = 0.0, 0.0
    for i in range(start, stop):
        if commands[i] == QUADRATIC:
            count += _pieces(x, y, points, point, scale_x, scale_y)
            x, y = points[point + 1, 0], points[point + 1, 1]
            point += 2
        elif commands[i] != CLOSE:
            count += 1
            x, y = points[point, 0], points[point, 1]
            point += 1
    return count


@jit
def _pieces(x, y, points, point, scale_x, scale_y):
    """Returns how many chords a spline from (x, y) takes: a chord over 1/n of it is off by |second difference| / (4 n^2)."""
    bend_x = (x - 2 * points[point, 0] + points[point + 1, 0]) * scale_x
    bend_y = (y - 2 * points[point, 1] + points[point + 1, 1]) * scale_y
    bend = math.sqrt(bend_x * bend_x + bend_y * bend_y)
    return min(max(1, math.ceil(math.sqrt(bend / (4 * _TOLERANCE)))), 4096)


@jit
def flatten(commands, points, start, stop, point, scale_x, scale_y, xs, ys):
    """Fills xs and ys with the contour's corners in canvas units, without repetitions; returns their number."""
    count = 0
    x, y = 0.0, 0.0
    for i in range(start, stop):
        command = commands[i]
        if command == QUADRATIC:
            pieces = _pieces(x, y, points, point, scale_x, scale_y)
            x1, y1 = points[point, 0], points[point, 1]
            x2, y2 = points[point + 1, 0], points[point + 1, 1]
            for piece in range(1, pieces):
                t = piece / pieces
                a, b, c = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
                count = _append(xs, ys, count, a * x + b * x1 + c * x2, a * y + b * y1 + c * y2)
            x, y = x2, y2
            count = _append(xs, ys, count, x, y)
            point += 2
        elif command != CLOSE:
            x, y = points[point, 0], points[point, 1]
            count = _append(xs, ys, count, x, y)
            point += 1
    while count > 1 and xs[count - 1] == xs[0] and ys[count - 1] == ys[0]:
        count -= 1
    return count


@jit
def _append(xs, ys, count, x, y):
    if count > 0 and xs[count - 1] == x and ys[count - 1] == y:
        return count
    xs[count], ys[count] = x, y
    return count + 1


@jit
def offset(xs, ys, count, distance, out_x, out_y):
    """Moves a closed polygon sideways: one edge of its stroke.

    Corners on the outer side of a turn become mitres, or bevels beyond the limit; on the inner side the moved edges meet where
    they cross, or run through the corner if they are too short to cross.

    Args:
      xs: float64[>=count], corners, no two successive ones equal.
      ys: float64[>=count].
      count: number of corners, at least 2.
      distance: how far to the right of the direction of travel (x to the right, y down); negative is left.
      out_x: float64[>=3 * count], filled with the corners of the moved polygon.
      out_y: float64[>=3 * count].

    Returns:
      The number of corners of the moved polygon.
    """
    n = 0
    dx, dy = xs[0] - xs[count - 1], ys[0] - ys[count - 1]
    length = math.sqrt(dx * dx + dy * dy)
    dx, dy = dx / length, dy / length
    for i in range(count):
        following = i + 1 if i + 1 < count else 0
        next_dx, next_dy = xs[following] - xs[i], ys[following] - ys[i]
        next_length = math.sqrt(next_dx * next_dx + next_dy * next_dy)
        next_dx, next_dy = next_dx / next_length, next_dy / next_length
        cosine = dx * next_dx + dy * next_dy
        # Positive where the turn is to the right, so that the moved polygon is on its inner side.
        inner = (dx * next_dy - dy * next_dx) * distance
        if inner <= 0:
            meets = cosine >= _MIN_MITER_COSINE
        else:
            meets = inner <= min(length, next_length) * (1 + cosine)
        if meets:
            reach = distance / (1 + cosine)
            out_x[n], out_y[n] = xs[i] - (dy + next_dy) * reach, ys[i] + (dx + next_dx) * reach
            n += 1
        else:
            out_x[n], out_y[n] = xs[i] - dy * distance, ys[i] + dx * distance
            n += 1
            if inner > 0:
                out_x[n], out_y[n] = xs[i], ys[i]
                n += 1
            out_x[n], out_y[n] = xs[i] - next_dy * distance, ys[i] + next_dx * distance
            n += 1
        dx, dy, length = next_dx, next_dy, next_length
    return n


