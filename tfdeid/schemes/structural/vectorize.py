"""Vectorize, the method's first step (Ko et al. 2020, III-A): a port of imagetracerjs 1.2.6, equal number for number."""

from __future__ import annotations

import math

import numpy as np

from tfdeid.errors import DeidError
from tfdeid.schemes.jit import jit, jit_callee
from tfdeid.schemes.structural.contours import FIRST_HOLE, IS_HOLE, NEXT, NEXT_HOLE, START, STOP, find_contours
from tfdeid.schemes.structural.fit import fit_contour, make_internodes
from tfdeid.schemes.structural.quantize import quantize
from tfdeid.schemes.structural.trace_options import TraceOptions, trace_options
from tfdeid.schemes.structural.vector_image import CLOSE, LINE, MOVE, QUADRATIC, VectorImage

_MAX_SIDE = 32_000  # Node coordinates are 16-bit.


def vectorize(image: np.ndarray, options: str | TraceOptions = "default") -> VectorImage:
    """Traces an image into coloured paths.

    Args:
      image: uint8[H, W, 3], uint8[H, W, 1] or uint8[H, W], H and W from 2 to 32,000.
      options: the name of a preset of imagetracerjs, or `trace_options(preset, **changes)`.

    Returns:
      The paths in painting order, with the numbers that imagetracerjs writes. A gray image is traced as the colour image whose
      channels are all equal to it.

    Raises:
      DeidError: the image or the preset is not one of those.
    """
    if isinstance(options, str):
        options = trace_options(options)
    image = _checked(image)
    labels, palette = quantize(image, options)
    commands, points, command_starts, point_starts, path_colors = _trace(
        labels,
        len(palette),
        int(options.pathomit),
        bool(options.rightangleenhance),
        float(options.ltres),
        float(options.qtres),
        bool(options.linefilter),
        float(options.scale),
        int(options.roundcoords),
    )
    height, width, channels = image.shape
    return VectorImage(
        width=width * options.scale,
        height=height * options.scale,
        commands=commands,
        points=points,
        command_starts=command_starts,
        point_starts=point_starts,
        colors=palette[path_colors],
        stroke_width=options.strokewidth,
        channels=channels,
    )


def _checked(image: np.ndarray) -> np.ndarray:
    if isinstance(image, np.ndarray) and image.ndim == 2:
        image = image[:, :, None]
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] not in (1, 3)
        or not all(2 <= side <= _MAX_SIDE for side in image.shape[:2])
    ):
        given = f"{image.dtype}{list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise DeidError(
            f"vectorize takes uint8[H, W, 3], uint8[H, W, 1] or uint8[H, W], sides 2 to {_MAX_SIDE}; it was given {given}."
        )
    return image


@jit
def _trace(labels, num_colors, pathomit, keep_right_angles, ltres, qtres, linefilter, scale, decimals):
    """Returns commands, points, command_starts, point_starts and each path's colour number: the arrays of a VectorImage."""
    contours = find_contours(labels, num_colors, pathomit)
    segments, segment_starts = _fit_all(contours, keep_right_angles, 4 * ltres, 4 * qtres)
    order, holes_of = _paths_in_order(contours, segment_starts, linefilter)
    num_commands, num_points = 0, 0
    for contour in order:
        commands_here, points_here = _size(segments, segment_starts, contour)
        num_commands += commands_here
        num_points += points_here
    num_paths = 0
    for is_hole in holes_of:
        num_paths += not is_hole
    commands = np.empty(num_commands, np.uint8)
    points = np.empty((num_points, 2), np.float64)
    command_starts = np.zeros(num_paths + 1, np.int32)
    point_starts = np.zeros(num_paths + 1, np.int32)
    path_colors = np.empty(num_paths, np.int16)
    color_of = _colors_by_contour(contours)
    path, command, point = -1, 0, 0
    for i in range(len(order)):
        contour = order[i]
        if not holes_of[i]:
            path += 1
            path_colors[path] = color_of[contour]
            command, point = _emit_shape(segments, segment_starts, contour, scale, decimals, commands, points, command, point)
        else:
            hole_decimals = -1 if decimals == -1 else 0
            command, point = _emit_hole(
                segments, segment_starts, contour, scale, hole_decimals, commands, points, command, point
            )
        command_starts[path + 1], point_starts[path + 1] = command, point
    return commands, points, command_starts, point_starts, path_colors


@jit_callee
def _fit_all(contours, keep_right_angles, max_line_error, max_spline_error):
    """Returns the segments of all contours, float64[n, 6], and int32[C+1], where each contour's begin."""
    contour_x, contour_y, steps, table = contours.x, contours.y, contours.step, contours.table
    longest = 0
    for contour in range(len(table)):
        longest = max(longest, table[contour, STOP] - table[contour, START])
    # At most one corner beside each middle, and at most one segment from each.
    xs, ys = np.empty(2 * longest, np.int32), np.empty(2 * longest, np.int32)
    direction = np.empty(2 * longest, np.uint8)
    stack = np.empty((2 * longest + 2, 2), np.int32)
    segments = np.empty((2 * len(steps), 6), np.float64)
    segment_starts = np.zeros(len(table) + 1, np.int32)
    for contour in range(len(table)):
        start, stop = table[contour, START], table[contour, STOP]
        count = make_internodes(
            contour_x[start:stop], contour_y[start:stop], steps[start:stop], keep_right_angles, xs, ys, direction
        )
        segment_starts[contour + 1] = fit_contour(
            xs, ys, direction, count, max_line_error, max_spline_error, stack, segments, segment_starts[contour]
        )
    return segments, segment_starts


@jit_callee
def _colors_by_contour(contours):
    colors = np.empty(len(contours.table), np.int16)
    for color in range(len(contours.first)):
        contour = contours.first[color]
        while contour >= 0:
            colors[contour] = color
            contour = contours.table[contour, NEXT]
    return colors


@jit_callee
def _paths_in_order(contours, segment_starts, linefilter):
    """Returns the contours in the order in which they are written, each shape before its holes, and which of them are holes."""
    table = contours.table
    order = np.empty(len(table), np.int32)
    is_hole = np.empty(len(table), np.bool_)
    count = 0
    for first in contours.first:
        contour = first
        while contour >= 0:
            few = segment_starts[contour + 1] - segment_starts[contour] < 3
            if not table[contour, IS_HOLE] and not (linefilter and few):
                order[count], is_hole[count] = contour, False
                count += 1
                hole = table[contour, FIRST_HOLE]
                while hole >= 0:
                    order[count], is_hole[count] = hole, True
                    count += 1
                    hole = table[hole, NEXT_HOLE]
            contour = table[contour, NEXT]
    return order[:count], is_hole[:count]


@jit_callee
def _size(segments, segment_starts, contour):
    """Returns how many commands and points a contour takes: M, one for each segment, Z."""
    start, stop = segment_starts[contour], segment_starts[contour + 1]
    splines = 0
    for i in range(start, stop):
        splines += not np.isnan(segments[i, 4])
    return stop - start + 2, stop - start + 1 + splines


@jit_callee
def _emit_shape(segments, segment_starts, contour, scale, decimals, commands, points, command, point):
    """Writes M, the segments and Z."""
    start, stop = segment_starts[contour], segment_starts[contour + 1]
    commands[command] = MOVE
    _put(points, point, segments[start, 0], segments[start, 1], scale, decimals)
    command, point = command + 1, point + 1
    for i in range(start, stop):
        is_line = np.isnan(segments[i, 4])
        commands[command] = LINE if is_line else QUADRATIC
        _put(points, point, segments[i, 2], segments[i, 3], scale, decimals)
        command, point = command + 1, point + 1
        if not is_line:
            _put(points, point, segments[i, 4], segments[i, 5], scale, decimals)
            point += 1
    commands[command] = CLOSE
    return command + 1, point


@jit_callee
def _emit_hole(segments, segment_starts, contour, scale, decimals, commands, points, command, point):
    """Writes the same backwards, so that the hole winds against its shape."""
    start, stop = segment_starts[contour], segment_starts[contour + 1]
    last = segments[stop - 1]
    commands[command] = MOVE
    end = 2 if np.isnan(last[4]) else 4
    _put(points, point, last[end], last[end + 1], scale, decimals)
    command, point = command + 1, point + 1
    for i in range(stop - 1, start - 1, -1):
        is_line = np.isnan(segments[i, 4])
        commands[command] = LINE if is_line else QUADRATIC
        command += 1
        if not is_line:
            _put(points, point, segments[i, 2], segments[i, 3], scale, decimals)
            point += 1
        _put(points, point, segments[i, 0], segments[i, 1], scale, decimals)
        point += 1
    commands[command] = CLOSE
    return command + 1, point


@jit_callee
def _put(points, point, doubled_x, doubled_y, scale, decimals):
    points[point, 0] = to_fixed(doubled_x / 2 * scale, decimals)
    points[point, 1] = to_fixed(doubled_y / 2 * scale, decimals)


@jit_callee
def to_fixed(value, decimals):
    """Rounds as JavaScript's `Number(value.toFixed(decimals))`: by the exact binary value, exact ties away from zero.

    value * 10**decimals is not exact in doubles, so the value is split in two halves whose products are.
    """
    if decimals < 0:
        return value
    factor = 10.0**decimals
    magnitude = abs(value)
    high = magnitude * 134217729.0  # 2**27 + 1
    high = high - (high - magnitude)
    low = magnitude - high
    whole = math.floor(magnitude * factor)
    fraction = (high * factor - whole) + low * factor
    if fraction >= 0.5:
        whole += 1
    elif fraction < -0.5:
        whole -= 1
    return math.copysign(whole / factor, value)
