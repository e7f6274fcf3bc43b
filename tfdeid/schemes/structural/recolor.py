"""Colours of the key's own for ranks of lightness, since the paper's scheme lets colours pass unchanged. Not in the paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.image import to_grayscale
from tfdeid.key import Key
from tfdeid.schemes.jit import jit
from tfdeid.schemes.keystream import KeyStream

# Levels of lightness, each of which has about as many pixels of an image as the others.
LEVELS = 4
# The lightness of each level's colour, on the scale of 0 to 255: not secret, so that a network sees light and dark.
LIGHTNESS = np.linspace(30, 225, LEVELS)
# A level's share of the pixels is 1 / LEVELS, times 1 - NOISE to 1 + NOISE by the image's id.
_NOISE = 0.6
# Pixels a side of the neighbourhood whose commonest level a pixel takes, at input size 50: what is smaller goes.
_NEIGHBORHOOD = 3
_REFERENCE_SIZE = 50


class Recolor:
    """Keeps of each pixel only its level among its image's lightnesses, within noise, and paints levels in keyed colours.

    What is lost, not only hidden: hue and saturation, brightness and contrast of the whole image, and regions of few pixels.

    The palette is no secret, since every record shows it; an image's noise is.

    Args:
      key: the owner's key.

    Attributes:
      palette: uint8[LEVELS, 3], the colour of each level, from dark to light.
    """

    def __init__(self, key: Key):
        self._key = key
        self.palette = _palette(key)

    def __call__(self, image: np.ndarray, image_id: str) -> npt.NDArray[np.uint8]:
        """Returns uint8[N, N, 3] in the palette's colours.

        Equal for a gray image and the colour image whose channels are all equal to it; and, where only lightness matters as in
        gray images, whatever strictly increasing curve was laid over the lightness before.

        Args:
          image: uint8[N, N, C], C 1 or 3.
          image_id: the image's id, from which the noise is drawn.
        """
        side = max(1, round(_NEIGHBORHOOD * len(image) / _REFERENCE_SIZE)) | 1
        # Beyond its border the image is mirrored, border pixels twice.
        levels = np.pad(self._levels(to_grayscale(image)[..., 0], image_id), side // 2, mode="symmetric")
        return self.palette[_commonest(levels, side)]

    def _levels(self, lightness: npt.NDArray[np.uint8], image_id: str) -> npt.NDArray[np.intp]:
        """Returns intp[N, N], the level of each pixel: how many bounds its lightness is above."""
        stream = KeyStream(self._key, f"structural v1, levels of image {image_id}")
        shares = 1 + _NOISE * (2 * stream.shares(LEVELS) - 1)
        ends = np.cumsum(shares)
        counts = ends[:-1] / ends[-1] * lightness.size
        # Pixels of the same lightness have the same level, wherever they lie.
        bounds = np.sort(lightness, axis=None)[counts.astype(np.intp)]
        return np.searchsorted(bounds, np.arange(256, dtype=np.uint8), side="left")[lightness]


def _palette(key: Key) -> npt.NDArray[np.uint8]:
    """Returns uint8[LEVELS, 3]: lightness rises in even steps, hues are the key's."""
    drawn = KeyStream(key, "structural v1, palette").shares(3 * LEVELS).reshape(LEVELS, 3)
    gray = LIGHTNESS[:, None]
    # Of a drawn direction only what leaves the lightness (Rec. 601) as it is.
    # Summed in this order, not as a product of matrices, whose last bit differs between machines.
    red, green, blue = drawn.T
    hue = drawn - (red * 0.299 + green * 0.587 + blue * 0.114)[:, None]
    reach = np.min(np.where(hue > 0, 255 - gray, gray) / np.maximum(np.abs(hue), 1e-9), axis=1, keepdims=True)
    return np.rint(gray + hue * np.minimum(reach, 160)).astype(np.uint8)


@jit
def _commonest(levels, side):
    """Returns each pixel's commonest level within a square about it; of equally common ones the lowest.

    Args:
      levels: intp[N + side - 1, N + side - 1], with a border of side // 2 on all sides.
      side: of the square, odd.

    Returns:
      intp[N, N].
    """
    size = len(levels) - side + 1
    most_frequent = np.empty((size, size), np.intp)
    counts = np.empty(LEVELS, np.intp)
    for y in range(size):
        counts[:] = 0
        for x in range(len(levels)):  # The column that enters the square, and the one that leaves it.
            for row in range(y, y + side):
                counts[levels[row, x]] += 1
                if x >= side:
                    counts[levels[row, x - side]] -= 1
            if x >= side - 1:
                most_frequent[y, x - side + 1] = counts.argmax()
    return most_frequent
