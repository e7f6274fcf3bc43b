"""A fresh warp for each image that no table of an axis can undo. Not in the paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.key import Key
from tfdeid.schemes.jit import jit, jit_callee
from tfdeid.schemes.keystream import KeyStream
from tfdeid.schemes.structural.vector_image import VectorImage

# Within what training's augmentation does to images anyway: turns by up to 15 degrees, shifts by a tenth, mirrors.
_TANGENT_OF_HALF_TURN = 0.1317
_SHIFT = 0.1
# Beside that, the points of a grid of 4 x 4 go up to this share of the side in any direction, and what lies between with them.
_GRID, _REACH = 4, 0.12
# How many the key draws for an image: turn, shifts, mirror, and the moves of the grid's points.
NUMBERS = 4 + 2 * _GRID**2


class Bend:
    """Turns, shifts, mirrors and bends each image by its id.

    Only sums, products and quotients are used, each rounded by IEEE 754, so that the same key and id give the same points on
    every machine.

    Args:
      key: the owner's key.
    """

    def __init__(self, key: Key):
        self._key = key

    def __call__(self, image: VectorImage, image_id: str) -> VectorImage:
        """Returns the image with all points moved; some leave the canvas, which stays.

        Args:
          image: the traced image, in pixels.
          image_id: the image's id, from which all moves are drawn.
        """
        size = (image.width, image.height)
        # To decimals that a document shows; all that is encrypted has fewer or as many.
        return image.replace(points=np.round(self.move(image.points / size, image_id) * size, 3))

    def move(self, shares: npt.NDArray[np.float64], image_id: str) -> npt.NDArray[np.float64]:
        """Returns float64[P, 2], where points (x, y) of an image go, both as shares of its width and height."""
        stream = KeyStream(self._key, f"structural v1, bend of image {image_id}")
        turn, shift_x, shift_y, mirror = 2 * stream.shares(4) - 1
        knots = _REACH * (2 * stream.shares(2 * _GRID**2).reshape(_GRID, _GRID, 2) - 1)
        tangent = turn * _TANGENT_OF_HALF_TURN
        cosine, sine = (1 - tangent**2) / (1 + tangent**2), 2 * tangent / (1 + tangent**2)
        return _move(shares, knots, cosine, sine, _SHIFT * shift_x, _SHIFT * shift_y, mirror < 0)


def largest_size(limit: float, overshoot: float) -> int:
    """Returns the most pixels a side that a square image may have, so that no bent point is farther from 0 than a limit.

    Args:
      limit: in pixels.
      overshoot: how many pixels beyond the canvas points lie before they are bent.
    """
    tangent = _TANGENT_OF_HALF_TURN
    # What the turn, with the sine and the cosine of its largest angle, makes of a square's half side.
    wider = (1 - tangent**2 + 2 * tangent) / (1 + tangent**2)
    return int((limit - wider * overshoot) / (0.5 + wider * (0.5 + _REACH) + _SHIFT))


@jit
def _move(shares, knots, cosine, sine, shift_x, shift_y, mirrored):
    """Returns float64[P, 2]: points, in shares of the canvas, after the knots' moves, the mirror, the turn and the shifts."""
    moved = np.empty_like(shares)
    for i in range(len(shares)):
        across, down = _between(knots, shares[i, 0], shares[i, 1])
        x, y = shares[i, 0] + across - 0.5, shares[i, 1] + down - 0.5
        if mirrored:
            x = -x
        moved[i, 0] = cosine * x - sine * y + shift_x + 0.5
        moved[i, 1] = sine * x + cosine * y + shift_y + 0.5
    return moved


@jit_callee
def _between(knots, x, y):
    """Returns the knots' moves in x and y, blended smoothly at a place; beyond the canvas as at its border."""
    column, right = _cell(x)
    row, lower = _cell(y)
    upper = (1 - right) * knots[row, column] + right * knots[row, column + 1]
    under = (1 - right) * knots[row + 1, column] + right * knots[row + 1, column + 1]
    blended = (1 - lower) * upper + lower * under
    return blended[0], blended[1]


@jit_callee
def _cell(share):
    """Returns the knot before a share of the side, and the weight of the one behind it."""
    place = min(max(share, 0.0), 1.0) * (_GRID - 1)
    first = min(int(place), _GRID - 2)
    part = place - first
    return first, part * part * (3 - 2 * part)
