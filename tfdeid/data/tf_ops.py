"""What `keras.ops` has of the functions of `affine`, by TensorFlow: for tf.data pipelines of other backends."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

arange = tf.range
bitwise_and = tf.bitwise.bitwise_and
bitwise_right_shift = tf.bitwise.right_shift
bitwise_xor = tf.bitwise.bitwise_xor
cast = tf.cast
clip = tf.clip_by_value
concatenate = tf.concat
cos = tf.cos
floor = tf.floor
ones_like = tf.ones_like
reshape = tf.reshape
round = tf.round
sin = tf.sin
stack = tf.stack
take = tf.gather
where = tf.where


def pad(images: Any, widths: Any, constant_values: float) -> Any:
    return tf.pad(images, widths, constant_values=tf.cast(constant_values, images.dtype))


def shape(images: Any) -> tuple[Any, ...]:
    """Returns the extents, as whole numbers where they are known."""
    return tuple(known or tf.shape(images)[axis] for axis, known in enumerate(images.shape))
