"""Rasterize, the method's third step (Ko et al. 2020, III-C): paths painted on white and scaled to a fixed size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfdeid.errors import DeidError, unknown_name
from tfdeid.image import to_grayscale
from tfdeid.schemes.structural.vector_image import VectorImage


def _paint_cairo(image: VectorImage, size: int) -> np.ndarray:
    from tfdeid.schemes.structural.paint_cairo import paint  # Late: it needs a system library.

    return paint(image, size)


def _paint_fast(image: VectorImage, size: int) -> np.ndarray:
    from tfdeid.schemes.structural.paint_fast import paint  # Late: its kernels load where they are used.

    return paint(image, size)


# Painters import late: cairo needs a system library that is not there everywhere.
BACKENDS: dict[str, Callable[[VectorImage, int], np.ndarray]] = {"fast": _paint_fast, "cairo": _paint_cairo}

_MAX_SIZE = 8192


def rasterize(image: VectorImage, size: int, backend: str = "fast") -> np.ndarray:
    """Paints a vector image.

    Each path is filled (non-zero winding), then stroked in the same colour, in order, on white. Width and height are scaled to
    `size` independently, strokes with them.

    Args:
      image: the vector image.
      size: pixels a side, 1 to 8192.
      backend: fast, our own scan conversion, on average a fraction of a level from cairo's; or cairo, bit-equal to cairosvg
        (needs the system library libcairo2).

    Returns:
      uint8[size, size, C], C the channels of the image.

    Raises:
      DeidError: the size or the backend is out of bounds, or the backend's library is missing.
    """
    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    if not isinstance(size, (int, np.integer)) or not 1 <= size <= _MAX_SIZE:
        raise DeidError(f"size must be a whole number in [1, {_MAX_SIZE}], size was {size!r}.")
    if not (0 < image.width < np.inf and 0 < image.height < np.inf):
        raise DeidError(f"a canvas must have positive sides, it was {image.width:g} x {image.height:g}.")
    if not np.isfinite(image.points).all():
        raise DeidError("all coordinates must be finite numbers, some were not.")
    painted = BACKENDS[backend](image, int(size))
    return to_grayscale(painted) if image.channels == 1 else painted
