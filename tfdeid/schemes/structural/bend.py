"""A fresh warp for each image that no table of an axis can undo. Not in the paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.key import Key
from tfdeid.schemes.keystream import KeyStream
from tfdeid.schemes.structural.vector_image import VectorImage

# Within what training's augmentation does to images anyway: turns by up to 15 degrees, shifts by a tenth, mirrors.
_TANGENT_OF_HALF_TURN = 0.1317
_SHIFT = 0.1
# Beside that, the points of a grid of 4 x 4 go up to this share of the side in any direction, and what lies between with them.
_GRID, _REACH = 4, 0.12


class Bend:
    """Turns, shifts, mirrors and bends each image by its id.

    Only sums and products of drawn numbers are used, so the same key and id give the same points on every machine.

    Args:
      key: the owner's key.
    """

    def __init__(self, key: Key):
        self._key = key

    def __call__(self, image: VectorImage, image_id: str) -> VectorImage:
        """Returns the image with all points moved; some leave the canvas, which stays."""
        stream = KeyStream(self._key, f"structural v1, bend of image {image_id}")
        turn, shift_x, shift_y, mirror = 2 * stream.shares(4) - 1
        knots = _REACH * (2 * stream.shares(2 * _GRID**2).reshape(_GRID, _GRID, 2) - 1)
        shares = image.points / (image.width, image.height)
        shares = shares + _between(knots, np.clip(shares, 0, 1))
        tangent = turn * _TANGENT_OF_HALF_TURN
        cosine, sine = (1 - tangent**2) / (1 + tangent**2), 2 * tangent / (1 + tangent**2)
        x, y = (shares - 0.5).T
        if mirror < 0:
            x = -x
        moved = np.stack([cosine * x - sine * y + _SHIFT * shift_x, sine * x + cosine * y + _SHIFT * shift_y], axis=1)
        # At the decimals of the traced points, so that no machine's last bit can tip an encryption's rounding.
        points = np.round((moved + 0.5) * (image.width, image.height), 3)
        return image.replace(points=points)


def _between(knots: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns float64[P, 2], the knots' moves blended at shares of the canvas, smoothly."""
    places = shares * (_GRID - 1)
    first = np.minimum(places.astype(np.intp), _GRID - 2)
    part = places - first
    (right, lower), (column, row) = (part * part * (3 - 2 * part)).T[..., None], first.T
    upper = (1 - right) * knots[row, column] + right * knots[row, column + 1]
    under = (1 - right) * knots[row + 1, column] + right * knots[row + 1, column + 1]
    return (1 - lower) * upper + lower * under
