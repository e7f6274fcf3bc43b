"""Colours of the key's own for ranks of lightness, since the paper's scheme lets colours pass unchanged. Not in the paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tfdeid.image import to_grayscale
from tfdeid.key import Key
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

    Args:
      key: the owner's key.
    """

    def __init__(self, key: Key):
        self._key = key
        self.palette = _palette(key)

    def __call__(self, image: np.ndarray, image_id: str) -> npt.NDArray[np.uint8]:
        """Returns uint8[N, N, C] in the palette's colours.

        Args:
          image: uint8[N, N, C].
          image_id: the image's id, from which the noise is drawn.
        """
        size, channels = image.shape[0], image.shape[2]
        lightness = to_grayscale(image)[..., 0]
        levels = _commonest(self._levels(lightness, image_id), max(1, round(_NEIGHBORHOOD * size / _REFERENCE_SIZE)) | 1)
        colored = self.palette[levels]
        return colored if channels == 3 else to_grayscale(colored)

    def _levels(self, lightness: np.ndarray, image_id: str) -> npt.NDArray[np.intp]:
        """Returns intp[N, N], the level of each pixel: how many bounds its lightness is above."""
        stream = KeyStream(self._key, f"structural v1, levels of image {image_id}")
        shares = 1 + _NOISE * (2 * stream.shares(LEVELS) - 1)
        counts = np.cumsum(shares)[:-1] / shares.sum() * lightness.size
        # Pixels of the same lightness have the same level, wherever they lie.
        bounds = np.sort(lightness, axis=None)[counts.astype(np.intp)]
        return np.searchsorted(bounds, lightness, side="left")


def _palette(key: Key) -> npt.NDArray[np.uint8]:
    """Returns uint8[LEVELS, 3]: lightness rises in even steps, hues are the key's."""
    drawn = KeyStream(key, "structural v1, palette").shares(3 * LEVELS).reshape(LEVELS, 3)
    gray = LIGHTNESS[:, None]
    # Of a drawn direction only what leaves the lightness (Rec. 601) as it is.
    weights = np.array([0.299, 0.587, 0.114])
    hue = drawn - (drawn @ weights)[:, None]
    reach = np.min(np.where(hue > 0, 255 - gray, gray) / np.maximum(np.abs(hue), 1e-9), axis=1, keepdims=True)
    return np.rint(gray + hue * np.minimum(reach, 160)).astype(np.uint8)


def _commonest(levels: npt.NDArray[np.intp], side: int) -> npt.NDArray[np.intp]:
    """Returns each pixel's commonest level within a square about it; of equally common ones the lowest."""
    members = (levels == np.arange(LEVELS)[:, None, None]).astype(np.int32)
    sums = ndimage.convolve1d(ndimage.convolve1d(members, np.ones(side, np.int32), axis=1), np.ones(side, np.int32), axis=2)
    return sums.argmax(0)
