"""From a contour's commands to the three closed polygons that painting it takes: its outline and both edges of its stroke."""

from __future__ import annotations

import math

from tfdeid.schemes.jit import jit_callee, jit_inline
from tfdeid.schemes.structural.vector_image import CLOSE, QUADRATIC

# Rows of the corner arrays.
X, Y, ARRIVES_X, ARRIVES_Y, LEAVES_X, LEAVES_Y, LENGTH = range(7)

# Largest distance in pixels between a spline and the chords that stand for it.
_TOLERANCE = 0.05
# A mitre longer than this many half-widths becomes a bevel: SVG's default limit, 1 / sin(angle / 2) <= 4.
_MIN_MITER_COSINE = 2 / 4.0**2 - 1


@jit_callee
def count_corners(commands, points, start, stop, point, scale_x, scale_y):
    """Returns an upper bound for what `flatten` fills of the contour that commands[start:stop] draw."""
    count = 1
    x, y = 0.0, 0.0
    for i in range(start, stop):
        if commands[i] == QUADRATIC:
            x2, y2 = points[point + 1, 0], points[point + 1, 1]
            count += _pieces(x, y, points[point, 0], points[point, 1], x2, y2, scale_x, scale_y)
            x, y = x2, y2
            point += 2
        elif commands[i] != CLOSE:
            count += 1
            x, y = points[point, 0], points[point, 1]
            point += 1
    return count


@jit_callee
def _pieces(x, y, x1, y1, x2, y2, scale_x, scale_y):
    """Returns how many chords a spline from (x, y) takes: a chord over 1/n of it is off by |second difference| / (4 n^2)."""
    bend_x = (x - 2 * x1 + x2) * scale_x
    bend_y = (y - 2 * y1 + y2) * scale_y
    square = bend_x * bend_x + bend_y * bend_y
    # Most take one, which needs no roots: safely below where two begin, so that rounding decides nothing.
    if square < 15.9 * _TOLERANCE * _TOLERANCE:
        return 1
    return min(max(1, math.ceil(math.sqrt(math.sqrt(square) / (4 * _TOLERANCE)))), 4096)


@jit_callee
def flatten(commands, points, start, stop, point, scale_x, scale_y, corners):
    """Turns the contour that commands[start:stop] draw into a closed polygon.

    Args:
      commands: all commands of the image.
      points: all points of the image.
      start: the contour's first command.
      stop: one past its last command.
      point: its first point.
      scale_x: pixels a canvas unit, which decides how many chords a spline takes.
      scale_y: the same for y.
      corners: float64[7, n], filled with X, Y, the directions in which the contour arrives and leaves (unit vectors; on a
        spline its tangents, not its chords) and the length of the edge that leaves, all in canvas units.

    Returns:
      The number of corners; no two successive ones are equal.
    """
    count = 0
    x, y = 0.0, 0.0
    for i in range(start, stop):
        command = commands[i]
        if command == QUADRATIC:
            x1, y1 = points[point, 0], points[point, 1]
            x2, y2 = points[point + 1, 0], points[point + 1, 1]
            pieces = _pieces(x, y, x1, y1, x2, y2, scale_x, scale_y)
            tangent_x, tangent_y = x1 - x, y1 - y
            for piece in range(1, pieces + 1):
                t = piece / pieces
                a, b, c = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
                end_x, end_y = (a * x + b * x1 + c * x2, a * y + b * y1 + c * y2) if piece < pieces else (x2, y2)
                next_x = (1 - t) * (x1 - x) + t * (x2 - x1)
                next_y = (1 - t) * (y1 - y) + t * (y2 - y1)
                count = _append(corners, count, end_x, end_y, tangent_x, tangent_y, next_x, next_y)
                tangent_x, tangent_y = next_x, next_y
            x, y = x2, y2
            point += 2
        elif command != CLOSE:
            x, y = points[point, 0], points[point, 1]
            count = _append(corners, count, x, y, 0.0, 0.0, 0.0, 0.0)
            point += 1
    if count < 2:
        return count
    # Back to the beginning; where the contour has arrived there by itself the last corner is the first one.
    closed = _append(corners, count, corners[X, 0], corners[Y, 0], 0.0, 0.0, 0.0, 0.0)
    corners[ARRIVES_X, 0], corners[ARRIVES_Y, 0] = corners[ARRIVES_X, closed - 1], corners[ARRIVES_Y, closed - 1]
    return closed - 1


@jit_inline
def _append(corners, count, x, y, leaves_x, leaves_y, arrives_x, arrives_y):
    """Adds an edge to (x, y) with the directions at its ends (0: those of the edge itself); returns the number of corners."""
    if count > 0:
        dx, dy = x - corners[X, count - 1], y - corners[Y, count - 1]
        length = math.sqrt(dx * dx + dy * dy)
        if length > 0:
            leave = math.sqrt(leaves_x * leaves_x + leaves_y * leaves_y)
            arrive = math.sqrt(arrives_x * arrives_x + arrives_y * arrives_y)
            corners[LEAVES_X, count - 1] = leaves_x / leave if leave > 0 else dx / length
            corners[LEAVES_Y, count - 1] = leaves_y / leave if leave > 0 else dy / length
            corners[LENGTH, count - 1] = length
            corners[ARRIVES_X, count] = arrives_x / arrive if arrive > 0 else dx / length
            corners[ARRIVES_Y, count] = arrives_y / arrive if arrive > 0 else dy / length
            corners[X, count], corners[Y, count] = x, y
            count += 1
    else:
        corners[X, 0], corners[Y, 0] = x, y
        count = 1
    return count


@jit_callee
def offset(corners, count, distance, moved):
    """Moves a closed polygon sideways: one edge of its stroke.

    Corners on the outer side of a turn become mitres, or bevels beyond the limit; on the inner side the moved edges meet where
    they cross, or run through the corner if they are too short to cross.

    Args:
      corners: what `flatten` filled.
      count: number of corners, at least 2.
      distance: how far to the right of the direction of travel (x to the right, y down); negative is left.
      moved: float64[2, >=3 * count], filled with the X and Y of the moved polygon's corners.

    Returns:
      Their number.
    """
    n = 0
    length = corners[LENGTH, count - 1]
    for i in range(count):
        x, y = corners[X, i], corners[Y, i]
        dx, dy = corners[ARRIVES_X, i], corners[ARRIVES_Y, i]
        next_dx, next_dy, next_length = corners[LEAVES_X, i], corners[LEAVES_Y, i], corners[LENGTH, i]
        cosine = dx * next_dx + dy * next_dy
        # Positive where the turn is to the right, so that the moved polygon is on its inner side.
        inner = (dx * next_dy - dy * next_dx) * distance
        if inner <= 0:
            meets = cosine >= _MIN_MITER_COSINE
        else:
            meets = inner <= min(length, next_length) * (1 + cosine)
        if meets:
            reach = distance / (1 + cosine)
            moved[X, n], moved[Y, n] = x - (dy + next_dy) * reach, y + (dx + next_dx) * reach
            n += 1
        else:
            moved[X, n], moved[Y, n] = x - dy * distance, y + dx * distance
            n += 1
            if inner > 0:
                moved[X, n], moved[Y, n] = x, y
                n += 1
            moved[X, n], moved[Y, n] = x - next_dy * distance, y + next_dx * distance
            n += 1
        length = next_length
    return n
