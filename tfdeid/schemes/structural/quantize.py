"""Colour quantisation as imagetracerjs 1.2.6 does it: blur, first palette, k-means. One colour number a pixel comes out."""

from __future__ import annotations

import math

import numpy as np

from tfdeid.schemes.jit import jit, jit_callee
from tfdeid.schemes.structural.trace_options import GENERATED, RANDOM_SAMPLED, TraceOptions

# Weights of the selective Gaussian blur for radius 1 to 5, rounded as the program has them.
_BLUR_KERNELS = (
    np.array([0.27901, 0.44198, 0.27901]),
    np.array([0.135336, 0.228569, 0.272192, 0.228569, 0.135336]),
    np.array([0.086776, 0.136394, 0.178908, 0.195843, 0.178908, 0.136394, 0.086776]),
    np.array([0.063327, 0.093095, 0.122589, 0.144599, 0.152781, 0.144599, 0.122589, 0.093095, 0.063327]),
    np.array([0.049692, 0.069304, 0.089767, 0.107988, 0.120651, 0.125194, 0.120651, 0.107988, 0.089767, 0.069304, 0.049692]),
)

# The largest L1 distance of two colours is 4 * 255, so distance * 32 + colour number fits in 16 bits for up to 32 colours.
_SMALL_PALETTE = 32
# What a palette holds in place of a colour that is nearest to no pixel.
_NO_COLOR = -1
# Pixels handled at a time: four planes and the keys of a block stay in the first-level cache.
_BLOCK = 2048


def quantize(image: np.ndarray, options: TraceOptions) -> tuple[np.ndarray, np.ndarray]:
    """Assigns each pixel one of at most `numberofcolors` colours.

    Args:
      image: uint8[H, W, 3] or uint8[H, W, 1].
      options: the trace options.

    Returns:
      int16[H+2, W+2], the colour number of each pixel within a border of -1, and uint8[K, 4], the palette.
    """
    height, width = image.shape[:2]
    planes = _planes(image)
    randoms = _random_numbers(options)
    palette = _first_palette(planes, height, width, options, randoms)
    drawn = _first_palette_draws(options)
    if options.blurradius > 0:
        delta = min(abs(options.blurdelta), 1024.0)
        planes = _blur(planes, height, width, _BLUR_KERNELS[int(options.blurradius) - 1], delta)
    labels = np.full((height + 2, width + 2), -1, np.int16)
    is_small = len(palette) <= _SMALL_PALETTE
    integer = np.int16 if is_small else np.int32
    planes, palette, shift = planes.astype(integer), palette.astype(integer), integer(5 if is_small else 12)
    _cluster(planes, palette, shift, options.colorquantcycles, float(options.mincolorratio), randoms[drawn:], labels)
    return labels, palette.astype(np.uint8)


def _planes(image: np.ndarray) -> np.ndarray:
    """Returns uint8[4, H*W]: red, green, blue and an opaque alpha, the layout in which distances vectorise."""
    height, width, channels = image.shape
    planes = np.full((4, height * width), 255, np.uint8)
    planes[:3] = image.reshape(-1, channels).T  # One gray channel is broadcast to three.
    return planes


def _first_palette_draws(options: TraceOptions) -> int:
    """Returns how many random numbers the first palette takes."""
    if options.palette is not None:
        return 0
    if options.colorsampling == RANDOM_SAMPLED:
        return options.numberofcolors
    if options.colorsampling == GENERATED and options.numberofcolors >= 8:
        return 4 * (options.numberofcolors - options.cube_edge**3)
    return 0


def _random_numbers(options: TraceOptions) -> np.ndarray:
    """Returns float64[n] in [0, 1), enough for every draw; numpy promises that this legacy stream never changes."""
    if not options.draws_random_numbers:
        return np.empty(0)
    colors = len(options.palette) if options.palette is not None else options.numberofcolors
    count = _first_palette_draws(options) + 4 * colors * options.colorquantcycles
    return np.random.RandomState(options.seed).random_sample(count)


def _first_palette(planes: np.ndarray, height: int, width: int, options: TraceOptions, randoms: np.ndarray) -> np.ndarray:
    if options.palette is not None:
        return np.array(options.palette, np.int64)
    if options.colorsampling == GENERATED:
        return _generated_palette(options, randoms)
    if options.colorsampling == RANDOM_SAMPLED:
        picked = np.floor(randoms[: options.numberofcolors] * (4 * height * width) / 4).astype(np.int64)
        return planes[:, picked].T.astype(np.int64)
    picked = _grid(height, width, options.numberofcolors)
    beyond = picked >= height * width
    palette = planes[:, np.where(beyond, 0, picked)].T.astype(np.int64)
    palette[beyond] = _NO_COLOR  # On tiny images the grid runs past the last pixel.
    return palette


def _grid(height: int, width: int, count: int) -> np.ndarray:
    """Returns int64[count], the pixels that a rectangular grid picks, in the program's order of floating-point operations."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    x_step, y_step = width / (columns + 1), height / (rows + 1)
    x = (np.arange(columns) + 1) * x_step
    y = ((np.arange(rows) + 1) * y_step) * width
    return np.floor(y[:, None] + x).astype(np.int64).ravel()[:count]


def _generated_palette(options: TraceOptions, randoms: np.ndarray) -> np.ndarray:
    """Returns int64[K, 4]: grays below 8 colours, else a colour cube and random colours for the rest."""
    count = options.numberofcolors
    if count < 8:
        gray = np.arange(count) * (255 // (count - 1))
        return np.stack([gray, gray, gray, np.full(count, 255)], axis=1)
    edge = options.cube_edge
    steps = np.arange(edge) * (255 // (edge - 1))
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    cube = np.concatenate([cube, np.full((len(cube), 1), 255)], axis=1)
    rest = np.floor(randoms[: 4 * (count - len(cube))] * 255).astype(np.int64).reshape(-1, 4)
    return np.concatenate([cube, rest])


@jit
def _blur(planes, height, width, kernel, delta):
    """Selective Gaussian blur of uint8[4, H*W]; like the program's it never looks at the first column or row."""
    horizontal = _blur_lines(planes, height, width, width, 1, kernel)
    blurred = _blur_lines(horizontal, width, height, 1, width, kernel)
    for pixel in range(height * width):
        change = 0
        for channel in range(4):
            change += abs(np.int64(blurred[channel, pixel]) - np.int64(planes[channel, pixel]))
        if change > delta:
            for channel in range(4):
                blurred[channel, pixel] = planes[channel, pixel]
    return blurred


@jit_callee
def _blur_lines(planes, lines, length, line_stride, step, kernel):
    """Blurs each of `lines` lines of `length` pixels, which lie `step` apart."""
    radius = len(kernel) // 2
    out = np.empty_like(planes)
    for channel in range(4):
        for line in range(lines):
            start = line * line_stride
            for i in range(length):
                total = 0.0
                weight = 0.0
                for k in range(max(-radius, 1 - i), min(radius, length - 1 - i) + 1):
                    total += planes[channel, start + (i + k) * step] * kernel[k + radius]
                    weight += kernel[k + radius]
                out[channel, start + i * step] = np.uint8(math.floor(total / weight))
    return out


@jit
def _cluster(planes, palette, shift, cycles, min_ratio, randoms, labels):
    """K-means with floored means; fills palette and labels. `planes` and `palette` have one integer type, int16 or int32."""
    height, width = labels.shape[0] - 2, labels.shape[1] - 2
    count = len(palette)
    keys = np.empty(planes.shape[1], planes.dtype)
    sums = np.empty((count, 5), np.int64)
    drawn = 0
    for cycle in range(cycles):
        if cycle > 0:
            drawn = _move_palette(palette, sums, planes.shape[1], min_ratio, cycle < cycles - 1, randoms, drawn)
        for start in range(0, len(keys), _BLOCK):
            stop = min(start + _BLOCK, len(keys))
            _nearest(planes, palette, shift, keys, start, stop)
        if cycle < cycles - 1:
            _sum_by_color(planes, keys, (1 << shift) - 1, sums)
    for y in range(height):
        for x in range(width):
            labels[y + 1, x + 1] = keys[y * width + x] & ((1 << shift) - 1)


@jit_callee
def _move_palette(palette, sums, num_pixels, min_ratio, more_cycles, randoms, drawn):
    """Moves each colour to the floored mean of its pixels, or to a random place if it has too few. Returns the draws so far."""
    for color in range(len(palette)):
        members = sums[color, 4]
        if members > 0:
            for channel in range(4):
                palette[color, channel] = sums[color, channel] // members
        if more_cycles and members / num_pixels < min_ratio:
            for channel in range(4):
                palette[color, channel] = math.floor(randoms[drawn] * 255)
                drawn += 1
    return drawn


@jit_callee
def _nearest(planes, palette, shift, keys, start, stop):
    """Fills keys[start:stop] with (L1 distance << shift) + number of the nearest colour, of equals the lowest number.

    Every intermediate value is cast to the narrow type: without that the loop would work on 64-bit lanes.
    """
    narrow = keys.dtype.type
    keys = keys[start:stop]
    red, green, blue, alpha = (planes[0, start:stop], planes[1, start:stop], planes[2, start:stop], planes[3, start:stop])
    keys[:] = np.iinfo(keys.dtype).max
    for color in range(len(palette)):
        r, g, b, a = palette[color, 0], palette[color, 1], palette[color, 2], palette[color, 3]
        if r == _NO_COLOR:
            continue
        number = narrow(color)
        for i in range(len(keys)):
            dr, dg = narrow(red[i] - r), narrow(green[i] - g)
            db, da = narrow(blue[i] - b), narrow(alpha[i] - a)
            near = narrow(narrow(abs(dr)) + narrow(abs(dg)))
            far = narrow(narrow(abs(db)) + narrow(abs(da)))
            key = narrow(narrow(narrow(near + far) << shift) + number)
            keys[i] = key if key < keys[i] else keys[i]


@jit_callee
def _sum_by_color(planes, keys, mask, sums):
    sums[:] = 0
    for i in range(len(keys)):
        color = keys[i] & mask
        for channel in range(4):
            sums[color, channel] += planes[channel, i]
        sums[color, 4] += 1
