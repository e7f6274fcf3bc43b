"""Painting with cairo, driven directly from the path arrays; every bit as cairosvg paints the same SVG document."""

from __future__ import annotations

import sys

import numpy as np

from tfdeid.errors import DeidError
from tfdeid.schemes.jit import jit
from tfdeid.schemes.structural.vector_image import CLOSE, LINE, MOVE, QUADRATIC, VectorImage

# cairo's own command numbers, which are those of cairo_path_data_type_t.
_CAIRO_MOVE, _CAIRO_LINE, _CAIRO_CURVE, _CAIRO_CLOSE = range(4)
_MITER_LIMIT = 4.0  # SVG's default; cairo's is 10.


def paint(image: VectorImage, size: int) -> np.ndarray:
    """Returns uint8[size, size, 3].

    Raises:
      DeidError: cairo is not installed.
    """
    cairo = _import_cairo()
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, size, size)
    context = cairo.Context(surface)
    context.set_source_rgb(1, 1, 1)
    context.paint()
    context.scale(size / image.width, size / image.height)
    context.set_miter_limit(_MITER_LIMIT)
    context.set_line_width(image.stroke_width)
    data, starts = _path_data(image.commands, image.points, image.command_starts, image.point_starts)
    library, pointer = cairo.cairo, context._pointer
    path = cairo.ffi.new("cairo_path_t *")
    path.data = first = cairo.ffi.cast("cairo_path_data_t *", cairo.ffi.from_buffer(data))
    for (red, green, blue, alpha), start, stop in zip(
        (image.colors / 255.0).tolist(), starts[:-1].tolist(), starts[1:].tolist()
    ):
        path.data, path.num_data = first + start, stop - start
        library.cairo_append_path(pointer, path)
        library.cairo_set_source_rgba(pointer, red, green, blue, alpha)
        library.cairo_fill_preserve(pointer)
        library.cairo_stroke(pointer)
    surface.flush()
    pixels = np.frombuffer(surface.get_data(), np.uint8).reshape(size, surface.get_stride() // 4, 4)[:, :size]
    # A pixel is one 32-bit word: alpha, red, green, blue from the top. On white everything is opaque.
    channels = [2, 1, 0] if sys.byteorder == "little" else [1, 2, 3]
    return np.ascontiguousarray(pixels[:, :, channels])


def _import_cairo():
    try:
        import cairocffi  # Late: few have it.
    except (ImportError, OSError):
        raise DeidError(
            "backend 'cairo' needs the Python package cairocffi and the library cairo. Run: pip install 'tfdeid[cairo]', and "
            "apt-get install libcairo2 (or your system's equivalent)."
        ) from None
    return cairocffi


@jit
def _path_data(commands, points, command_starts, point_starts):
    """Returns all paths in cairo's form, float64[n, 2], and where each begins.

    A command is a 16-byte header (type and length as 32-bit numbers), then its points. Quadratic splines become cubic ones,
    by the same expressions as in cairosvg, since others round differently.
    """
    total = 0
    for command in commands:
        total += 4 if command == QUADRATIC else (1 if command == CLOSE else 2)
    data = np.zeros((total, 2))
    headers = data.view(np.int32)
    starts = np.zeros(len(command_starts), np.int64)
    n = 0
    for path in range(len(command_starts) - 1):
        point = point_starts[path]
        x, y = 0.0, 0.0
        previous = MOVE
        for i in range(command_starts[path], command_starts[path + 1]):
            command = commands[i]
            if command == CLOSE:
                if previous != MOVE:  # cairosvg does not close what has no segment.
                    headers[n, 0], headers[n, 1] = _CAIRO_CLOSE, 1
                    n += 1
            elif command == QUADRATIC:
                x2, y2, x3, y3 = points[point, 0], points[point, 1], points[point + 1, 0], points[point + 1, 1]
                headers[n, 0], headers[n, 1] = _CAIRO_CURVE, 4
                data[n + 1, 0], data[n + 1, 1] = x2 * 2 / 3 + x / 3, y2 * 2 / 3 + y / 3
                data[n + 2, 0], data[n + 2, 1] = x2 * 2 / 3 + x3 / 3, y2 * 2 / 3 + y3 / 3
                data[n + 3, 0], data[n + 3, 1] = x3, y3
                x, y = x3, y3
                n, point = n + 4, point + 2
            else:
                x, y = points[point, 0], points[point, 1]
                headers[n, 0], headers[n, 1] = (_CAIRO_LINE if command == LINE else _CAIRO_MOVE), 2
                data[n + 1, 0], data[n + 1, 1] = x, y
                n, point = n + 2, point + 1
            previous = command
        starts[path + 1] = n
    return data[:n], starts
