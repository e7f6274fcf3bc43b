"""Negative-positive transformation and colour shuffling, pixel by pixel: the baseline that the paper compares itself with.

W. Sirichotedumrong, T. Maekawa, Y. Kinoshita and H. Kiya, "Privacy-preserving deep neural networks with pixel-based image
encryption considering data augmentation in the encrypted domain", ICIP 2019; with another mask for each image: W.
Sirichotedumrong, Y. Kinoshita and H. Kiya, "Pixel-based image encryption without key management", IEEE Access 7, 2019.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.key import Key
from tfdeid.schemes.base import DATASET, IMAGE, CommonOptions, PixelScheme
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, KeySpace
from tfdeid.schemes.keystream import KeyStream, Masks, shared_mask

# The six orders of a pixel's channels, by number.
ORDERS = ("RGB", "GRB", "RBG", "GBR", "BRG", "BGR")
# Each order is made from RGB by exchanging these places in turn: the first two if its number is odd, then the last two if it is
# at least 2, then the first two again if it is at least 4. Whole planes exchange in a tenth of the time that gathering takes.
_EXCHANGES = ((0, 1), (1, 2), (0, 1))


class Mask(NamedTuple):
    """What is done to the pixels, each value of which is 255 for yes and 0 for no.

    Attributes:
      negative: uint8[3, N * N], whether a value p of the red, green and blue plane becomes 255 - p.
      exchange: uint8[3, N * N], whether after that a pixel's values change places by the first, second, third exchange.
    """

    negative: npt.NDArray[np.uint8]
    exchange: npt.NDArray[np.uint8]


class NegativePositive(PixelScheme):
    """Each value becomes its negative or stays, and each pixel's three channels change places; then the image is stretched.

    The key fixes 4 draws a pixel (3 bits and one of 6 orders), 4 * N * N in all at input size N: with `key_scope` "dataset" the
    same for all images, so that a few images and what is known of images in general give them away; with "image" others for
    each. The paper counts 8^n * 6^n images for n pixels; a key has 256 random bits.
    """

    name = "negative_positive"
    about = "pixel by pixel, values become negatives and channels change places (Sirichotedumrong et al. 2019)"
    key_scopes = (DATASET, IMAGE)
    takes_gray = False

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        self._masks: Masks[Mask] = Masks("negative_positive v1", self, self._draw)

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        self.check_channels(image.shape[-1])
        mask = self._masks.mask_for(image, image_id)
        planes = _planes(image) ^ mask.negative
        for places, chosen in zip(_EXCHANGES, mask.exchange, strict=True):
            _exchange(planes, places, chosen)
        return np.stack(list(planes), axis=-1).reshape(image.shape)

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        self.check_channels(encrypted.shape[-1])
        mask = self._masks.mask_for(encrypted, image_id)
        planes = _planes(encrypted)
        for places, chosen in reversed(list(zip(_EXCHANGES, mask.exchange, strict=True))):
            _exchange(planes, places, chosen)
        planes ^= mask.negative
        return np.stack(list(planes), axis=-1).reshape(encrypted.shape)

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """8^n * 6^n images of n pixels (Ko et al. 2020, eq. 8); the key fixes 3 bits and one of 6 orders a pixel."""
        cls.check_channels(channels)
        pixels = config.input_size**2
        images_log2 = pixels * (channels + math.log2(len(ORDERS)))
        return KeySpace(images_log2, pixels * (channels + 1), IMAGES_NOT_KEYS, config.key_scope == IMAGE)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return [
            "How far the three values of each pixel are from mid-grey, though not on which side and in which channel.",
            "The place of every pixel: flat areas and edges stay where they are.",
            *shared_mask(config),
        ]

    def _draw(self, stream: KeyStream, channels: int) -> Mask:
        pixels = self.config.input_size**2
        negative = 255 * stream.bits(channels * pixels).reshape(channels, pixels)
        order = stream.below(len(ORDERS), pixels)
        return Mask(negative, exchange=255 * np.stack([order & 1, order >= 2, order >= 4]).astype(np.uint8))


def _planes(image: np.ndarray) -> npt.NDArray[np.uint8]:
    """Returns a copy as uint8[3, N * N]."""
    return np.array(image.reshape(-1, 3).T, order="C")


def _exchange(planes: npt.NDArray[np.uint8], places: tuple[int, int], chosen: npt.NDArray[np.uint8]) -> None:
    """Lets the values of two planes change places where `chosen` is 255."""
    plane, other = planes[places[0]], planes[places[1]]
    change = (plane ^ other) & chosen
    plane ^= change
    other ^= change
