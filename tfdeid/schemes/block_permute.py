"""Blocks of an image change places: a jigsaw."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tfdeid.key import Key
from tfdeid.schemes.base import DATASET, IMAGE, CommonOptions, PixelScheme
from tfdeid.schemes.blocks import BlockOptions, check_blocks, join_blocks, split_blocks
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, KeySpace
from tfdeid.schemes.keystream import KeyStream, Masks, shared_mask


class BlockPermute(PixelScheme):
    """The blocks change places, at the input size; then the image is stretched.

    The key fixes one order, with `key_scope` "dataset" the same for all images, with "image" another for each.
    """

    name = "block_permute"
    about = "blocks change places, in an order that the key draws"
    Options = BlockOptions
    key_scopes = (DATASET, IMAGE)
    survives_augmentation = False

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        self._orders: Masks[npt.NDArray[np.intp]] = Masks(f"block_permute v1, {config.options.cells} cells", self, self._draw)

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        check_blocks(cls.name, config)

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """n! orders of n blocks."""
        blocks = config.options.cells**2
        return KeySpace(math.lgamma(blocks + 1) / math.log(2), blocks, IMAGES_NOT_KEYS, config.key_scope == IMAGE)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return [
            "Every block as it is: what fits into one can be seen.",
            "The colours of the image, and by their borders, like a jigsaw's, which blocks are neighbours.",
            *shared_mask(config),
        ]

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        order = self._orders.mask_for(image, image_id)
        return join_blocks(split_blocks(image, self.config.options.cells)[order])

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        order = self._orders.mask_for(encrypted, image_id)
        return join_blocks(split_blocks(encrypted, self.config.options.cells)[np.argsort(order)])

    def _draw(self, stream: KeyStream, channels: int) -> npt.NDArray[np.intp]:
        return stream.order(self.config.options.cells**2)
