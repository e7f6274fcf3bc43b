"""Block-wise shuffling of half-bytes.

M. Tanaka, "Learnable image encryption", ICCE-TW 2018.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.schemes.base import DATASET, IMAGE, CommonOptions, PixelScheme
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, KeySpace
from tfdeid.schemes.keystream import KeyStream, Masks, shared_mask

# Pixels a side of a block.
BLOCK = 4


class Mask(NamedTuple):
    """What is done to each block's M = 32 C halves: the lower 4 bits of its values by row, column, channel, then the upper.

    Attributes:
      reverse: uint8[M], 15 where a half v becomes 15 - v, else 0.
      order: intp[M], which half comes first, second, ... after that.
    """

    reverse: npt.NDArray[np.uint8]
    order: npt.NDArray[np.intp]


class BlockShuffle(PixelScheme):
    """In each block of 4 x 4 pixels, half-bytes are reversed and change places, in all blocks alike; then comes the stretching.

    The key fixes 96 bits and a permutation of 96 (for gray images 32 and 32): with `key_scope` "dataset" the same for all
    blocks of all images, with "image" the same for all blocks of one image. Blocks that look alike still do. The paper counts
    96! * 2^96 images, for which reversal and order are drawn independently of each other; in the author's own program the one
    follows from the other.
    """

    name = "block_shuffle"
    about = "in blocks of 4 x 4 pixels, half-bytes are reversed and change places (Tanaka 2018)"
    key_scopes = (DATASET, IMAGE)
    survives_augmentation = False

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        self._masks: Masks[Mask] = Masks("block_shuffle v1", self, _draw)

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        """Raises DeidError if the input size holds no whole number of blocks."""
        if config.input_size % BLOCK:
            below = config.input_size // BLOCK * BLOCK
            raise DeidError(
                f"input_size must be a multiple of {BLOCK} for the scheme {cls.name!r}, which works on blocks of {BLOCK} x "
                f"{BLOCK} pixels; input_size was {config.input_size}. Use {f'{below} or ' if below else ''}{below + BLOCK}."
            )

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """M! * 2^M images with M = 96 half-bytes a block, for gray 32; the key fixes M bits and a permutation of M."""
        halves = 2 * BLOCK * BLOCK * (1 if config.grayscale else channels)
        images_log2 = math.log2(math.factorial(halves)) + halves
        return KeySpace(images_log2, 2 * halves, IMAGES_NOT_KEYS, config.key_scope == IMAGE)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return [
            f"Which blocks of {BLOCK} x {BLOCK} pixels are equal, and so flat areas and the rough layout.",
            "The half-bytes of each block, but for their order and for reversal.",
            *shared_mask(config),
        ]

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        mask = self._masks.mask_for(image, image_id)
        halves = split_halves(image[np.newaxis]) ^ mask.reverse.reshape(-1, 1, 1, 1)
        return join_halves(halves[mask.order])[0]

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        mask = self._masks.mask_for(encrypted, image_id)
        halves = np.empty_like(shuffled := split_halves(encrypted[np.newaxis]))
        halves[mask.order] = shuffled
        return join_halves(halves ^ mask.reverse.reshape(-1, 1, 1, 1))[0]


def _draw(stream: KeyStream, channels: int) -> Mask:
    count = 2 * BLOCK * BLOCK * channels
    return Mask(reverse=15 * stream.bits(count), order=stream.permutation(count))


def split_halves(images: np.ndarray) -> npt.NDArray[np.uint8]:
    """Returns uint8[M, N, A, A], the M = 32 C halves of the A x A blocks of uint8[N, size, size, C]: lower, then upper.

    A row is one place in all blocks, so that shuffling copies whole rows.
    """
    count, size, _, channels = images.shape
    across = size // BLOCK
    blocks = images.reshape(count, across, BLOCK, across, BLOCK, channels).transpose(2, 4, 5, 0, 1, 3)
    values = blocks.reshape(-1, count, across, across)
    return np.concatenate([values & 15, values >> 4])


def join_halves(halves: np.ndarray) -> npt.NDArray[np.uint8]:
    """Undoes `split_halves`."""
    lower, upper = np.split(halves, 2)
    _, count, across, _ = lower.shape
    values = (lower | upper << 4).reshape(BLOCK, BLOCK, -1, count, across, across)
    return values.transpose(3, 4, 0, 5, 1, 2).reshape(count, BLOCK * across, BLOCK * across, -1)
