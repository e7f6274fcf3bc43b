"""Augmentation on the accelerator: rotation, shift and flip as one affine warp of the whole batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tfdeid.errors import DeidError

if TYPE_CHECKING:
    import tensorflow as tf

    Images: TypeAlias = tf.Tensor | np.ndarray
    Seed: TypeAlias = tf.Tensor | Sequence[int]


class RandomAffine:
    """Rotates, shifts and flips each image of a batch at random (Ko et al. 2020, section IV-A), in one bilinear warp.

    Meant for the inside of a train step: it never leaves the device, and is made of gathers and arithmetic, which XLA compiles
    (Keras's own layers would keep XLA off for the whole model). In a step that is not compiled, the warp alone is. Output
    pixels that lie outside the image take the fill, and those at its border are blended with it.

    Args:
      rotation: the largest angle, in degrees either way, [0, 180].
      shift: the largest shift along each axis, as a share of its extent either way, [0, 1]; of whole pixels where nothing is
        turned.
      flip: mirror left and right, every second image on average.
      fill: the value of what was not in the image, in the images' own range; 255 is white in uint8.

    Raises:
      DeidError: a value is out of its range.
    """

    def __init__(self, rotation: float = 15.0, shift: float = 0.1, flip: bool = True, fill: float = 255):
        for name, value, high in (("rotation", rotation, 180), ("shift", shift, 1), ("fill", fill, 255)):
            if not 0 <= value <= high:
                raise DeidError(f"{name} must be in [0, {high}], {name} was {value!r}.")
        self.rotation, self.shift, self.flip, self.fill = rotation, shift, flip, fill

    def __call__(self, images: Images, seed: Seed) -> tf.Tensor:
        """Returns the warped batch.

        Args:
          images: uint8 or floating-point [B, H, W, C].
          seed: two integers, or a tensor int[2], such as (seed, step): the same seed gives the same warps.

        Returns:
          The same shape and dtype; uint8 is rounded to the nearest, halves to even.
        """
        import tensorflow as tf  # Late: takes seconds, and options are checked without it.

        images = tf.convert_to_tensor(images)
        if not (self.rotation or self.shift or self.flip):
            return images
        return _compiled_warp()(images, self.matrices(tf.shape(images), seed), self.fill)

    def matrices(self, shape: tf.Tensor | Sequence[int], seed: Seed) -> tf.Tensor:
        """Draws the warps of a batch.

        Args:
          shape: of the images, int[4].
          seed: as above.

        Returns:
          float32[B, 2, 3]; times (x, y, 1) of an output pixel they give the (x, y) that it shows, in pixels.
        """
        import tensorflow as tf  # Late: takes seconds, and options are checked without it.

        # Bits, because TensorFlow makes floats of them in one way under XLA and in another without.
        bits = tf.random.stateless_uniform((4, shape[0]), seed, None, None, tf.uint32, alg="philox")
        drawn = tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) / 2**23 - 1  # [-1, 1)
        angle = drawn[0] * (self.rotation * math.pi / 180)
        mirror = tf.where(drawn[3] < 0, -1.0, 1.0) if self.flip else tf.ones_like(angle)
        height, width = tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)
        center_x, center_y = (width - 1) / 2, (height - 1) / 2
        shift_x, shift_y = drawn[1] * self.shift * width, drawn[2] * self.shift * height
        if not self.rotation:
            # Between pixels, shifts would blur what is trained on, and not what is tested.
            shift_x, shift_y = tf.round(shift_x), tf.round(shift_y)
        # From the output back: undo the shift, turn about the centre, mirror.
        x, y = -center_x - shift_x, -center_y - shift_y
        cos, sin = tf.cos(angle), tf.sin(angle)
        to_x = tf.stack([mirror * cos, mirror * -sin, mirror * (cos * x - sin * y) + center_x], -1)
        to_y = tf.stack([sin, cos, sin * x + cos * y + center_y], -1)
        return tf.stack([to_x, to_y], 1)


@functools.cache
def _compiled_warp() -> Callable[[Images, tf.Tensor, float], tf.Tensor]:
    import tensorflow as tf  # Late: as above.

    return tf.function(warp, jit_compile=True)


def warp(images: tf.Tensor, matrices: tf.Tensor, fill: float) -> tf.Tensor:
    """Returns the images seen through the matrices of `RandomAffine.matrices`, with bilinear interpolation.

    Args:
      images: uint8 or floating-point [B, H, W, C].
      matrices: float32[B, 2, 3].
      fill: what lies outside the images.
    """
    import tensorflow as tf  # Late: as above.

    batch, height, width, channels = (images.shape[i] or tf.shape(images)[i] for i in range(4))
    # A border of the fill on either side, and places no further out than it, spare all comparisons with the image's ends.
    padded = tf.pad(images, [[0, 0], [1, 2], [1, 2], [0, 0]], constant_values=tf.cast(fill, images.dtype))
    # A pixel and its right neighbour side by side: looking pixels up is what takes the time, and this halves it.
    pairs = tf.reshape(tf.concat([padded[:, :, :-1], padded[:, :, 1:]], 3), [-1, 2 * channels])
    column, row = tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32)[:, None]
    xx, xy, x1, yx, yy, y1 = tf.unstack(tf.reshape(matrices, [-1, 6, 1, 1]), axis=1)
    x = tf.clip_by_value(xx * column + xy * row + x1, -1.0, tf.cast(width, tf.float32)) + 1
    y = tf.clip_by_value(yx * column + yy * row + y1, -1.0, tf.cast(height, tf.float32)) + 1
    left, top = tf.floor(x), tf.floor(y)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    stride = width + 2
    first = tf.range(batch)[:, None, None] * (stride * (height + 3))
    corner = first + tf.cast(top, tf.int32) * stride + tf.cast(left, tf.int32)

    def between(corners: tf.Tensor) -> tf.Tensor:
        both = tf.cast(tf.gather(pairs, corners), tf.float32)
        return both[..., :channels] + right_share * (both[..., channels:] - both[..., :channels])

    upper, lower = between(corner), between(corner + stride)
    warped = upper + lower_share * (lower - upper)
    return tf.cast(tf.round(warped), images.dtype) if images.dtype.is_integer else tf.cast(warped, images.dtype)
