"""Block-wise shuffling of half-bytes.

M. Tanaka, "Learnable image encryption", ICCE-TW 2018.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.deidentifier import BLOCK, DeidConfig
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.schemes.keystream import KeyStream, Masks


class Mask(NamedTuple):
    """What is done to each block's M = 32 C halves: the lower 4 bits of its values by row, column, channel, then the upper.

    Attributes:
      reverse: uint8[M], 15 where a half v becomes 15 - v, else 0.
      order: intp[M], which half comes first, second, ... after that.
    """

    reverse: npt.NDArray[np.uint8]
    order: npt.NDArray[np.intp]


class BlockShuffle:
    """In each block of 4 x 4 pixels, half-bytes are reversed and change places, in all blocks alike; then comes the stretching.

    The key fixes 96 bits and a permutation of 96 (for gray images 32 and 32): with `key_scope` "dataset" the same for all
    blocks of all images, with "image" the same for all blocks of one image. Blocks that look alike still do. The paper counts
    96! * 2^96 images, for which reversal and order are drawn independently of each other; in the author's own program the one
    follows from the other.
    """

    def __init__(self, config: DeidConfig, key: Key):
        self._config = config
        self._masks: Masks[Mask] = Masks("block_shuffle v1", config, key, _draw)

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return resize(self.encrypt(image, image_id), self._config.output_size)

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Encrypts an image, without stretching it.

        Args:
          image: uint8[N, N, C], N the input size and C 1 or 3.
          image_id: the image's id, needed with `key_scope` "image".

        Returns:
          uint8[N, N, C].

        Raises:
          DeidError: the image has another shape, or the id is missing.
        """
        mask = self._masks.mask_for(image, image_id)
        halves = split_halves(image[np.newaxis]) ^ mask.reverse.reshape(-1, 1, 1, 1)
        return join_halves(halves[mask.order])[0]

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Undoes `encrypt`, with the same arguments and errors."""
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
