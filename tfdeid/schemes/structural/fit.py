"""Line and spline fitting as imagetracerjs 1.2.6 does it: from a contour's nodes to straight lines and quadratic splines.

Coordinates are doubled in here: the midpoints between nodes are then whole numbers, and since a factor of two is exact in
binary floating point every comparison comes out as in the program.
"""

from __future__ import annotations

import numpy as np

from tfdeid.schemes.jit import jit_callee

# Compass directions 0 east, 1 southeast, ... 7 northeast, of a step and of the way between two steps' middles.
_STEP_DIRECTION = np.array([0, 6, 4, 2], np.uint8)
_MIDDLE_DIRECTION = np.array(
    [
        # second step:  east north west south   (8: no direction, for a way back that never occurs)
        [0, 7, 8, 1],  # first step east
        [7, 6, 5, 8],  # north
        [8, 5, 4, 3],  # west
        [1, 8, 3, 2],  # south
    ],
    np.uint8,
)


@jit_callee
def make_internodes(contour_x, contour_y, steps, keep_right_angles, xs, ys, direction):
    """Fills doubled x and y of the middles between successive nodes, and of the nodes themselves at right angles.

    A right angle is two steps along one axis, then two along the other.

    Args:
      contour_x: int16[n], x of the nodes of one contour.
      contour_y: int16[n], y of the same.
      steps: uint8[n], the step that leaves each.
      keep_right_angles: whether the corners are kept.
      xs: int32[2n], filled.
      ys: int32[2n], filled.
      direction: uint8[2n], filled with the compass direction to the next one.

    Returns:
      How many there are.
    """
    length = len(steps)
    count = 0
    before2, before1, step = steps[length - 2], steps[length - 1], steps[0]
    for i in range(length):
        following = i + 1 if i + 1 < length else 0
        after1 = steps[following]
        x, y = np.int32(contour_x[i]), np.int32(contour_y[i])
        straight_before, straight_after = (before2 ^ before1) & 1 == 0, (step ^ after1) & 1 == 0
        if keep_right_angles and straight_before and straight_after and (before1 ^ step) & 1:
            if count > 0:
                direction[count - 1] = _STEP_DIRECTION[before1]
            xs[count], ys[count], direction[count] = 2 * x, 2 * y, _STEP_DIRECTION[step]
            count += 1
        xs[count], ys[count] = x + contour_x[following], y + contour_y[following]
        direction[count] = _MIDDLE_DIRECTION[step, after1]
        count += 1
        before2, before1, step = before1, step, after1
    return count


@jit_callee
def fit_contour(xs, ys, direction, count, max_line_error, max_spline_error, stack, segments, first_segment):
    """Replaces runs of nodes that have at most two directions by lines and splines.

    Args:
      xs: int32[>=count], doubled x of the nodes.
      ys: int32[>=count], doubled y.
      direction: uint8[>=count], compass direction to the next node.
      count: number of nodes.
      max_line_error: largest squared distance of a node from a line, in doubled units squared.
      max_spline_error: the same for a spline.
      stack: int32[>count, 2], scratch space for runs still to be fitted.
      segments: float64[n, 6], filled from `first_segment` on with doubled x1, y1, x2, y2, x3, y3: start, end of a line (x3 is
        NaN), or start, control point and end of a spline.
      first_segment: see `segments`.

    Returns:
      Where the segments end.
    """
    segment = np.int64(first_segment)  # One type from the start, or the callees would be compiled for two.
    start = 0
    while start < count:
        stop = _end_of_run(direction, start, count)
        segment = _fit_run(xs, ys, count, start, stop, max_line_error, max_spline_error, stack, segments, segment)
        start = stop if stop > 0 else count
    return segment


@jit_callee
def _end_of_run(direction, start, count):
    """Returns where a run of at most two directions ends; the contour's last node always ends it, and counts as node 0."""
    first, second = direction[start], -1
    stop = start + 1
    while stop < count - 1 and (direction[stop] == first or direction[stop] == second or second == -1):
        if direction[stop] != first and second == -1:
            second = direction[stop]
        stop += 1
    return 0 if stop == count - 1 else stop


@jit_callee
def _fit_run(xs, ys, count, start, stop, max_line_error, max_spline_error, stack, segments, segment):
    """Fits a line, else a spline through the node farthest from the line, else splits there; parts are taken left to right."""
    stack[0, 0], stack[0, 1] = start, stop
    waiting = 1
    while waiting > 0:
        waiting -= 1
        start, stop = np.int64(stack[waiting, 0]), np.int64(stack[waiting, 1])
        line_fits, farthest = _check_line(xs, ys, count, start, stop, max_line_error)
        segments[segment, 0], segments[segment, 1] = xs[start], ys[start]
        if line_fits:
            segments[segment, 2], segments[segment, 3], segments[segment, 4] = xs[stop], ys[stop], np.nan
            segment += 1
            continue
        control_x, control_y = _control_point(xs, ys, count, start, stop, farthest)
        if _spline_fits(xs, ys, count, start, stop, control_x, control_y, max_spline_error):
            segments[segment, 2], segments[segment, 3] = control_x, control_y
            segments[segment, 4], segments[segment, 5] = xs[stop], ys[stop]
            segment += 1
            continue
        stack[waiting, 0], stack[waiting, 1] = farthest, stop
        stack[waiting + 1, 0], stack[waiting + 1, 1] = start, farthest
        waiting += 2
    return segment


@jit_callee
def _check_line(xs, ys, count, start, stop, max_error):
    """Returns whether all nodes between lie near their places, evenly spread on the straight line, and the farthest of them."""
    length = np.float64(stop - start if stop >= start else stop - start + count)
    x0, y0 = np.float64(xs[start]), np.float64(ys[start])
    step_x = (xs[stop] - x0) / length
    step_y = (ys[stop] - y0) / length
    fits, farthest, largest = True, start, 0.0
    i = (start + 1) % count
    steps = 1
    while i != stop:
        dx = xs[i] - (x0 + step_x * steps)
        dy = ys[i] - (y0 + step_y * steps)
        error = dx * dx + dy * dy
        if error > max_error:
            fits = False
        if error > largest:
            farthest, largest = i, error
        steps += 1
        i += 1
        if i == count:
            i = 0
    return fits, farthest


@jit_callee
def _control_point(xs, ys, count, start, stop, through):
    """Returns the control point that makes the spline from start to stop pass through a node."""
    length = np.float64(stop - start if stop >= start else stop - start + count)
    t = (through - start) / length
    t1, t2, t3 = (1 - t) * (1 - t), 2 * (1 - t) * t, t * t
    x = (t1 * xs[start] + t3 * xs[stop] - xs[through]) / -t2
    y = (t1 * ys[start] + t3 * ys[stop] - ys[through]) / -t2
    return x, y


@jit_callee
def _spline_fits(xs, ys, count, start, stop, control_x, control_y, max_error):
    length = np.float64(stop - start if stop >= start else stop - start + count)
    x0, y0 = np.float64(xs[start]), np.float64(ys[start])
    x2, y2 = np.float64(xs[stop]), np.float64(ys[stop])
    i = start + 1
    while i != stop:
        t = (i - start) / length
        t1, t2, t3 = (1 - t) * (1 - t), 2 * (1 - t) * t, t * t
        dx = xs[i] - (t1 * x0 + t2 * control_x + t3 * x2)
        dy = ys[i] - (t1 * y0 + t2 * control_y + t3 * y2)
        if dx * dx + dy * dy > max_error:
            return False
        i += 1
        if i == count:
            i = 0
    return True
