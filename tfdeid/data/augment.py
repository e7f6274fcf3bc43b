"""Augmentation on the accelerator: rotation, shift and flip as one affine warp of the whole batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfdeid.data.affine import Ranges, draw_matrices, warp
from tfdeid.errors import DeidError

_TENSORFLOW, _JAX = "tensorflow", "jax"


@keras.saving.register_keras_serializable(package="tfdeid")
class RandomAffine(keras.layers.Layer):
    """Rotates, shifts and flips each image of a batch at random (Ko et al. 2020, section IV-A), in one bilinear warp.

    Meant for the inside of a train step: it never leaves the device, and is made of gathers and arithmetic, which XLA compiles
    (Keras's own layers would keep XLA off for the whole model). In a step that is not compiled, the warp alone is. Output
    pixels that lie outside the image take the fill, and those at its border are blended with it.

    On TensorFlow, JAX and torch the same seed gives the same warps, and the same pixels to within rounding. In a tf.data
    pipeline it works on any backend.

    Args:
      rotation: the largest angle, in degrees either way, [0, 180].
      shift: the largest shift along each axis, as a share of its extent either way, [0, 1]; of whole pixels where nothing is
        turned.
      flip: mirror left and right, every second image on average.
      fill: the value of what was not in the image, in the images' own range; 255 is white in uint8.
      seed: of the warps where a call gives none; None for another one in every process.
      **options: of `keras.layers.Layer`.

    Raises:
      DeidError: a value is out of its range.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        shift: float = 0.1,
        flip: bool = True,
        fill: float = 255,
        seed: int | None = None,
        **options: Any,
    ):
        super().__init__(autocast=False, **options)
        self.ranges = Ranges(rotation, shift, flip, fill)
        self.seed = seed
        self._generator = keras.random.SeedGenerator(seed)

    def __call__(self, images: Any, seed: Any = None, training: bool = True) -> Any:
        """Returns the warped batch; arguments, result and errors as of `call`."""
        ops = _namespace(images)
        if isinstance(seed, tuple | list):  # Keras does not take tensors among numbers.
            seed = ops.stack([ops.cast(number, "int32") for number in seed])
        if ops is not keras.ops:  # Keras takes tensors of its own backend alone.
            return self.call(images, seed, training)
        return super().__call__(images, seed=seed, training=training)

    def call(self, images: Any, seed: Any = None, training: bool = True) -> Any:
        """Returns the warped batch.

        Args:
          images: uint8 or floating-point [B, H, W, C], or one image [H, W, C].
          seed: two integers, or a tensor int[2], such as (seed, step): the same seed gives the same warps. None for the
            layer's own, another one in each call.
          training: False for no warp.

        Returns:
          The same shape and dtype; uint8 is rounded to the nearest, halves to even.

        Raises:
          DeidError: there is no seed in a tf.data pipeline of another backend than TensorFlow's.
        """
        if not training or not self.ranges.moves:
            return images
        ops = _namespace(images)
        if seed is None:
            if ops is not keras.ops:
                raise DeidError(
                    "a tf.data pipeline on this backend needs a seed for each call, as in augment(images, seed=(0, n))."
                )
            seed = self._generator.next()
        if len(images.shape) == 3:
            return self._warped(ops, images[None], seed)[0]
        return self._warped(ops, images, seed)

    def matrices(self, shape: Sequence[Any], seed: Any) -> Any:
        """Draws the warps of a batch.

        Args:
          shape: of the images, int[4].
          seed: two integers, or a tensor int[2].

        Returns:
          float32[B, 2, 3]; times (x, y, 1) of an output pixel they give the (x, y) that it shows, in pixels.
        """
        return draw_matrices(keras.ops, self.ranges, shape[0], shape[1], shape[2], seed)

    def compute_output_spec(self, images: Any, *_: Any, **__: Any) -> Any:
        return keras.KerasTensor(images.shape, dtype=images.dtype)

    def get_config(self) -> dict[str, Any]:
        ranges = {name: getattr(self.ranges, name) for name in ("rotation", "shift", "flip", "fill")}
        return {**super().get_config(), **ranges, "seed": self.seed}

    def _warped(self, ops: Any, images: Any, seed: Any) -> Any:
        count, height, width, _ = ops.shape(images)
        matrices = draw_matrices(ops, self.ranges, count, height, width, seed)
        return _compiled(ops)(images, matrices, self.ranges.fill)


def warped(ops: Any, images: Any, matrices: Any, fill: float) -> Any:
    """Returns the images seen through matrices, of their own dtype; arguments as of `affine.warp`."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    return ops.cast(warp(ops, images, matrices, fill, "int" in dtype), dtype)


def _namespace(images: Any) -> Any:
    """Returns `keras.ops`, or TensorFlow's functions in a tf.data pipeline of another backend."""
    if keras.backend.backend() == _TENSORFLOW or not type(images).__module__.startswith("tensorflow."):
        return keras.ops
    from tfdeid.data import tf_ops  # Late: there is TensorFlow.

    return tf_ops


@functools.cache
def _compiled(ops: Any) -> Callable[..., Any]:
    """Returns the warp, compiled where the step around it is not."""
    plain = functools.partial(warped, ops)
    if ops is keras.ops and keras.backend.backend() == _TENSORFLOW:
        import tensorflow as tf  # Late: as above.

        return tf.function(plain, jit_compile=True)
    if ops is keras.ops and keras.backend.backend() == _JAX:
        import jax  # Late: it is there on this backend alone.

        return jax.jit(plain, static_argnums=2)
    return plain
