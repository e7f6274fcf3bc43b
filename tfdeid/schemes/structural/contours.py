"""Edge following as imagetracerjs 1.2.6 does it: from colour numbers to closed contours, all colour layers in one pass.

A node is a corner point of pixels. In the layer of one colour its type is a number of four bits, which of the four pixels
around it have the colour: 1 top left, 2 top right, 4 bottom right, 8 bottom left. Sixteen layers' types share one 64-bit word.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from tfdeid.schemes.jit import jit_callee

# Steps along a contour, and the change of x and y that each makes.
EAST, NORTH, WEST, SOUTH = range(4)
_STEP_X = np.array([1, 0, -1, 0], np.int64)
_STEP_Y = np.array([0, -1, 0, 1], np.int64)

_LAYERS_IN_A_WORD = 16
_OUTER_START, _HOLE_START = 4, 11
_INVALID = 255

# Nodes of all contours (x, y and the step that leaves each), a row of `table` for each contour, and each colour's first one.
Contours = namedtuple("Contours", ["x", "y", "step", "table", "first"])

# Columns of the table: the contour's nodes are [START, STOP), its box, and links to other contours (-1: none). One table is
# passed on instead of ten arrays because numba counts references to each array at each call.
START, STOP, IS_HOLE, NEXT, FIRST_HOLE, NEXT_HOLE, _LEFT, _TOP, _RIGHT, _BOTTOM = range(10)


def _walk_tables() -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8[64] each, indexed by 4 * node type + step that led here: the type that stays behind, and the next step.

    At a plain node the contour turns or goes straight on and the node is used up. At a saddle (5 and 10, two pixels that touch
    by a corner) it takes the turn that keeps diagonal neighbours together and leaves the other two sides for a second visit.
    """
    left_behind = np.full(64, _INVALID, np.uint8)
    next_step = np.full(64, _INVALID, np.uint8)
    turns = {
        1: {EAST: NORTH, SOUTH: WEST},
        2: {WEST: NORTH, SOUTH: EAST},
        3: {EAST: EAST, WEST: WEST},
        4: {NORTH: EAST, WEST: SOUTH},
        6: {NORTH: NORTH, SOUTH: SOUTH},
        7: {EAST: SOUTH, NORTH: WEST},
    }
    for node, turn in turns.items():
        for same_sides in (node, 15 - node):
            for step, following in turn.items():
                left_behind[4 * same_sides + step], next_step[4 * same_sides + step] = 0, following
    for node, step, rest, following in (
        (5, EAST, 13, SOUTH),
        (5, NORTH, 13, WEST),
        (5, WEST, 7, NORTH),
        (5, SOUTH, 7, EAST),
        (10, EAST, 11, NORTH),
        (10, NORTH, 14, EAST),
        (10, WEST, 14, SOUTH),
        (10, SOUTH, 11, WEST),
    ):
        left_behind[4 * node + step], next_step[4 * node + step] = rest, following
    return left_behind, next_step


_LEFT_BEHIND, _NEXT_STEP = _walk_tables()


@jit_callee
def find_contours(labels, num_colors, pathomit):
    """Follows every edge between colours.

    Args:
      labels: int16[H+2, W+2], colour numbers within a border of -1.
      num_colors: number of colours.
      pathomit: contours with fewer nodes are left out.

    Returns:
      Contours: x and y int16[n], step uint8[n], table int32[C, 10], first int32[num_colors]. `NEXT` leads to the next contour
      of the same colour, `FIRST_HOLE` and then `NEXT_HOLE` through the holes of a shape.
    """
    max_points = _count_edges(labels)
    max_contours = max_points // max(4, min(pathomit, max_points)) + 1
    xs, ys = np.empty(max_points, np.int16), np.empty(max_points, np.int16)
    steps = np.empty(max_points, np.uint8)
    table = np.empty((max_contours, 10), np.int32)
    first, last = np.full(num_colors, -1, np.int32), np.full(num_colors, -1, np.int32)
    nodes = np.empty(labels.shape, np.uint64)
    num_points, num_contours = 0, 0
    for first_color in range(0, num_colors, _LAYERS_IN_A_WORD):
        _pack_nodes(labels, first_color, nodes)
        for y in range(1, labels.shape[0]):
            for x in range(1, labels.shape[1]):
                for color in _starts_here(labels, nodes, x, y, first_color):
                    if color < 0:
                        continue
                    stop = _follow(nodes, x, y, color - first_color, xs, ys, steps, num_points, table[num_contours])
                    if stop - num_points >= pathomit:
                        _link(xs, ys, steps, table, first, last, color, num_contours, labels.shape)
                        num_points = stop
                        num_contours += 1
    return Contours(xs[:num_points], ys[:num_points], steps[:num_points], table[:num_contours], first)


@jit_callee
def _count_edges(labels):
    """Returns the number of steps in all contours: each side between two pixels of different colours is walked twice."""
    height, width = labels.shape
    count = 0
    for y in range(height - 1):
        for x in range(width - 1):
            count += labels[y, x] != labels[y, x + 1]
            count += labels[y, x] != labels[y + 1, x]
    return 2 * count


@jit_callee
def _pack_nodes(labels, first_color, nodes):
    """Fills nodes[y, x] with the types, in layers first_color to first_color + 15, of the top left corner of pixel (x, y)."""
    height, width = labels.shape
    bit = np.empty((2, width), np.uint64)
    for y in range(height):
        above, here = bit[(y + 1) % 2], bit[y % 2]
        for x in range(width):
            layer = labels[y, x] - first_color
            inside = (layer >= 0) & (layer < _LAYERS_IN_A_WORD)
            here[x] = np.uint64(inside) << np.uint64(4 * (layer & 15))
        if y > 0:
            for x in range(1, width):
                nodes[y, x] = (
                    above[x - 1] | (above[x] << np.uint64(1)) | (here[x] << np.uint64(2)) | (here[x - 1] << np.uint64(3))
                )


@jit_callee
def _starts_here(labels, nodes, x, y, first_color):
    """Returns the colours, -1 for none, of the outer contour and of the hole that begin at a node.

    An outer contour begins where the bottom right pixel alone has the colour, a hole where all but it have, or at what is left
    of a saddle. No other layer can hold a starting type here.
    """
    top_right, bottom_left, bottom_right = labels[y - 1, x], labels[y, x - 1], labels[y, x]
    outer, hole = -1, -1
    if bottom_right != top_right and bottom_right != bottom_left:
        if _node_type(nodes[y, x], bottom_right - first_color) == _OUTER_START:
            outer = np.int64(bottom_right)
        if top_right == bottom_left and _node_type(nodes[y, x], top_right - first_color) == _HOLE_START:
            hole = np.int64(top_right)
    return outer, hole


@jit_callee
def _node_type(word, layer):
    if layer < 0 or layer >= _LAYERS_IN_A_WORD:
        return 0
    return np.int64((word >> np.uint64(4 * layer)) & np.uint64(15))


@jit_callee
def _follow(nodes, start_x, start_y, layer, xs, ys, steps, start, row):
    """Walks one contour, uses its nodes up, writes its points from `start` on and its row, and returns where the points end."""
    shift = np.uint64(4 * layer)
    is_hole = _node_type(nodes[start_y, start_x], layer) == _HOLE_START
    x, y, step, stop = start_x, start_y, NORTH, start
    # The box begins at the node's own index, although points lie one lower: the program's right and bottom are off by one.
    left, top, right, bottom = start_x - 1, start_y - 1, start_x, start_y
    while True:
        word = nodes[y, x]
        turn = 4 * np.int64((word >> shift) & np.uint64(15)) + step
        nodes[y, x] = (word & ~(np.uint64(15) << shift)) | (np.uint64(_LEFT_BEHIND[turn]) << shift)
        step = np.int64(_NEXT_STEP[turn])
        xs[stop], ys[stop], steps[stop] = x - 1, y - 1, step
        left, top = min(left, x - 1), min(top, y - 1)
        right, bottom = max(right, x - 1), max(bottom, y - 1)
        stop += 1
        x += _STEP_X[step]
        y += _STEP_Y[step]
        if x == start_x and y == start_y:
            break
    row[START], row[STOP], row[IS_HOLE] = start, stop, is_hole
    row[NEXT], row[FIRST_HOLE], row[NEXT_HOLE] = -1, -1, -1
    row[_LEFT], row[_TOP], row[_RIGHT], row[_BOTTOM] = left, top, right, bottom
    return stop


@jit_callee
def _link(xs, ys, steps, table, first, last, color, contour, shape):
    """Appends the contour to its colour's list and, if it is a hole, to the list of the smallest shape around it."""
    if last[color] >= 0:
        table[last[color], NEXT] = contour
    else:
        first[color] = contour
    last[color] = contour
    if not table[contour, IS_HOLE]:
        return
    parent = _smallest_shape_around(xs, ys, steps, table, first[color], contour, shape)
    if table[parent, FIRST_HOLE] < 0:
        table[parent, FIRST_HOLE] = contour
        return
    hole = table[parent, FIRST_HOLE]
    while table[hole, NEXT_HOLE] >= 0:
        hole = table[hole, NEXT_HOLE]
    table[hole, NEXT_HOLE] = contour


@jit_callee
def _smallest_shape_around(xs, ys, steps, table, first, hole, shape):
    """Returns the shape around a hole whose box lies within all other such boxes; without one, the colour's first path."""
    hole_left, hole_top, hole_right, hole_bottom = (
        table[hole, _LEFT],
        table[hole, _TOP],
        table[hole, _RIGHT],
        table[hole, _BOTTOM],
    )
    x, y = xs[table[hole, START]], ys[table[hole, START]]
    parent = first
    left, top, right, bottom = -1, -1, shape[1] + 1, shape[0] + 1
    other = first
    while other != hole:
        if (
            left < table[other, _LEFT] < hole_left
            and top < table[other, _TOP] < hole_top
            and right > table[other, _RIGHT] > hole_right
            and bottom > table[other, _BOTTOM] > hole_bottom
            and not table[other, IS_HOLE]
            and _contains(xs, ys, steps, table[other, START], table[other, STOP], x, y)
        ):
            parent = other
            left, top, right, bottom = table[other, _LEFT], table[other, _TOP], table[other, _RIGHT], table[other, _BOTTOM]
        other = table[other, NEXT]
    return parent


@jit_callee
def _contains(xs, ys, steps, start, stop, x, y):
    """Even-odd test of a point against the shape with nodes [start, stop), whose sides are all horizontal or vertical.

    Only vertical sides to the right of the point count: those that lead up from y + 1 or down from y.
    """
    crossings = 0
    for i in range(start, stop):
        upper_end = ys[i] - (steps[i] == NORTH)
        crossings += (steps[i] & 1) & (upper_end == y) & (xs[i] > x)
    return crossings % 2 == 1
