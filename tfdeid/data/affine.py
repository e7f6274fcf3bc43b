"""Augmentation as arithmetic: what is drawn for each image of a batch, and the affine warp that it makes.

Functions take a namespace of `keras.ops`, or of what stands for it in a tf.data pipeline: the same places come out on each
backend, and the same pixels to within rounding.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tfdeid.errors import DeidError

_LANES = 4
"""Numbers that are drawn for each image: of the turn, the shifts, and the mirror."""


@dataclasses.dataclass(frozen=True)
class Ranges:
    """What is drawn from.

    Attributes:
      rotation: the largest angle, in degrees either way, [0, 180].
      shift: the largest shift along each axis, as a share of its extent either way, [0, 1]; of whole pixels where nothing is
        turned.
      flip: mirror left and right, every second image on average.
      fill: the value of what was not in the image, in the images' own range, [0, 255].

    Raises:
      DeidError: a value is out of its range.
    """

    rotation: float = 15.0
    shift: float = 0.1
    flip: bool = True
    fill: float = 255

    def __post_init__(self) -> None:
        for name, high in (("rotation", 180), ("shift", 1), ("fill", 255)):
            value = getattr(self, name)
            if not 0 <= value <= high:
                raise DeidError(f"{name} must be in [0, {high}], {name} was {value!r}.")

    @property
    def moves(self) -> bool:
        """Whether images are changed at all."""
        return bool(self.rotation or self.shift or self.flip)


def draw_matrices(ops: Any, ranges: Ranges, count: Any, height: Any, width: Any, seed: Any) -> Any:
    """Draws the warps of a batch.

    Args:
      ops: `keras.ops`, or what stands for it.
      ranges: what is drawn from.
      count, height, width: of the batch, in images and pixels.
      seed: two integers, or a tensor int[2].

    Returns:
      float32[count, 2, 3]; times (x, y, 1) of an output pixel they give the (x, y) that it shows, in pixels.
    """
    drawn = uniform(ops, count, seed)
    angle = drawn[0] * (ranges.rotation * math.pi / 180)
    mirror = ops.where(drawn[3] < 0, -1.0, 1.0) if ranges.flip else ops.ones_like(angle)
    height, width = ops.cast(height, "float32"), ops.cast(width, "float32")
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    shift_x, shift_y = drawn[1] * ranges.shift * width, drawn[2] * ranges.shift * height
    if not ranges.rotation:
        # Between pixels, shifts would blur what is trained on, and not what is tested.
        shift_x, shift_y = ops.round(shift_x), ops.round(shift_y)
    # From the output back: undo the shift, turn about the centre, mirror.
    x, y = -center_x - shift_x, -center_y - shift_y
    cos, sin = ops.cos(angle), ops.sin(angle)
    to_x = ops.stack([mirror * cos, mirror * -sin, mirror * (cos * x - sin * y) + center_x], -1)
    to_y = ops.stack([sin, cos, sin * x + cos * y + center_y], -1)
    return ops.stack([to_x, to_y], 1)


def uniform(ops: Any, count: Any, seed: Any) -> Any:
    """Returns float32[4, count] in [-1, 1), the same on each backend, machine and compiler: a hash of seed and place.

    Args:
      ops: as above.
      count: images.
      seed: two integers, or a tensor int[2].
    """
    seed = ops.cast(seed, "int32")
    state = _hash(ops, _hash(ops, seed[0]) + seed[1])
    places = ops.reshape(ops.arange(_LANES * count, dtype="int32"), (_LANES, -1))
    bits = _hash(ops, _hash(ops, places) + state)
    return ops.cast(_shifted(ops, bits, 8), "float32") / 2**23 - 1


def _hash(ops: Any, x: Any) -> Any:
    """Returns 32 mixed bits of int32, whose products wrap around on all backends (`lowbias32`, Wellons 2018)."""
    x = ops.bitwise_xor(x, _shifted(ops, x, 16)) * 0x7FEB352D
    x = ops.bitwise_xor(x, _shifted(ops, x, 15)) * (0x846CA68B - 2**32)
    return ops.bitwise_xor(x, _shifted(ops, x, 16))


def _shifted(ops: Any, x: Any, bits: int) -> Any:
    """Returns int32 shifted right as if it had no sign."""
    return ops.bitwise_and(ops.bitwise_right_shift(x, bits), 2 ** (32 - bits) - 1)


def warp(ops: Any, images: Any, matrices: Any, fill: float, is_integer: bool) -> Any:
    """Returns the images seen through matrices, with bilinear interpolation.

    Args:
      ops: as above.
      images: [B, H, W, C].
      matrices: float32[B, 2, 3].
      fill: what lies outside the images.
      is_integer: round to the nearest, halves to even.

    Returns:
      float32 of the same shape.
    """
    batch, height, width, channels = ops.shape(images)
    # A border of the fill on either side, and places no further out than it, spare all comparisons with the image's ends.
    padded = ops.pad(images, [[0, 0], [1, 2], [1, 2], [0, 0]], constant_values=fill)
    # A pixel and its right neighbour side by side: looking pixels up is what takes the time, and this halves it.
    pairs = ops.reshape(ops.concatenate([padded[:, :, :-1], padded[:, :, 1:]], 3), (-1, 2 * channels))
    column = ops.cast(ops.arange(width, dtype="int32"), "float32")
    row = ops.cast(ops.arange(height, dtype="int32"), "float32")[:, None]
    xx, xy, x1, yx, yy, y1 = (matrices[:, i, j, None, None] for i in (0, 1) for j in (0, 1, 2))
    x = ops.clip(xx * column + xy * row + x1, -1.0, ops.cast(width, "float32")) + 1
    y = ops.clip(yx * column + yy * row + y1, -1.0, ops.cast(height, "float32")) + 1
    left, top = ops.floor(x), ops.floor(y)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    stride = width + 2
    first = ops.arange(batch, dtype="int32")[:, None, None] * (stride * (height + 3))
    corner = first + ops.cast(top, "int32") * stride + ops.cast(left, "int32")

    def between(corners: Any) -> Any:
        both = ops.cast(ops.take(pairs, corners, axis=0), "float32")
        return both[..., :channels] + right_share * (both[..., channels:] - both[..., :channels])

    upper, lower = between(corner), between(corner + stride)
    warped = upper + lower_share * (lower - upper)
    return ops.round(warped) if is_integer else warped
