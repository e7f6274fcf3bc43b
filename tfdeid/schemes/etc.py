"""Encryption-then-compression: blocks change places, are turned and mirrored, become negatives and exchange channels.

K. Kurihara, M. Kikuchi, S. Imaizumi, S. Shiota and H. Kiya, "An encryption-then-compression system for JPEG/Motion JPEG
standard", IEICE Transactions E98-A, 2015; T. Chuman, W. Sirichotedumrong and H. Kiya, "Encryption-then-compression systems
using grayscale-based image encryption for JPEG images", IEEE Transactions on Information Forensics and Security 14, 2019.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.key import Key
from tfdeid.schemes.base import DATASET, IMAGE, CommonOptions, PixelScheme
from tfdeid.schemes.blocks import BlockOptions, check_blocks, join_blocks, split_blocks
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, KeySpace
from tfdeid.schemes.keystream import KeyStream, Masks, shared_mask

TURNS = 8
"""A block is mirrored if its number is odd, and then turned by half that number of right angles, counter-clockwise."""
CHANNEL_ORDERS = tuple(itertools.permutations(range(3)))
"""Which channel comes first, second and third."""


@dataclasses.dataclass(frozen=True)
class EtcOptions(BlockOptions):
    """How many blocks an image is cut into."""

    cells: int = 4
    """Blocks a side, of which input_size must be a multiple: more hide more."""


class Mask(NamedTuple):
    """What is done to the n blocks.

    Attributes:
      order: intp[n], which block comes first, second, ...
      turn: uint8[n], how the block that has come to a place is turned there, of `TURNS`.
      negative: uint8[n], 255 where after that a value v becomes 255 - v, in all channels, else 0.
      channels: uint8[n], the order of the channels, a number of `CHANNEL_ORDERS`; 0 for gray images.
    """

    order: npt.NDArray[np.intp]
    turn: npt.NDArray[np.uint8]
    negative: npt.NDArray[np.uint8]
    channels: npt.NDArray[np.uint8]


class Etc(PixelScheme):
    """The blocks change places; each is turned and mirrored, made a negative or not, and its channels change places.

    It happens at the input size; then the image is stretched. With `key_scope` "dataset" all images get the same, with "image"
    each something else.
    """

    name = "etc"
    about = "blocks change places, are turned, mirrored and negated, and exchange channels (Kurihara et al. 2015)"
    Options = EtcOptions
    key_scopes = (DATASET, IMAGE)
    survives_augmentation = False

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        self._masks: Masks[Mask] = Masks(f"etc v1, {config.options.cells} cells", self, self._draw)

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        check_blocks(cls.name, config)

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """n! * 8^n * 2^n * 6^n images of n blocks (Kurihara et al. 2015); of gray ones n! * 8^n * 2^n."""
        blocks, gray = config.options.cells**2, config.grayscale or channels == 1
        each = math.log2(2 * TURNS * (1 if gray else len(CHANNEL_ORDERS)))
        images_log2 = math.lgamma(blocks + 1) / math.log(2) + blocks * each
        return KeySpace(images_log2, blocks * (3 if gray else 4), IMAGES_NOT_KEYS, config.key_scope == IMAGE)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return [
            "Every block as it is, but for turns, negatives and the order of channels: what fits into one can be seen.",
            "By their borders, like a jigsaw's, which blocks are neighbours.",
            *shared_mask(config),
        ]

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        mask = self._masks.mask_for(image, image_id)
        blocks = split_blocks(image, self.config.options.cells)[mask.order]
        for number, block in enumerate(blocks):
            changed = turned(block, int(mask.turn[number])) ^ mask.negative[number]
            blocks[number] = changed[..., _order(mask, number, changed)]
        return join_blocks(blocks)

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        mask = self._masks.mask_for(encrypted, image_id)
        blocks = split_blocks(encrypted, self.config.options.cells)
        before = np.empty_like(blocks)
        for number, block in enumerate(blocks):
            ordered = block[..., np.argsort(_order(mask, number, block))]
            before[mask.order[number]] = turned_back(ordered ^ mask.negative[number], int(mask.turn[number]))
        return join_blocks(before)

    def _draw(self, stream: KeyStream, channels: int) -> Mask:
        count = self.config.options.cells**2
        order, turn = stream.order(count), stream.below(TURNS, count)
        negative = 255 * stream.bits(count)
        orders = stream.below(len(CHANNEL_ORDERS), count) if channels == 3 else np.zeros(count, np.uint8)
        return Mask(order, turn, negative, orders)


def turned(block: np.ndarray, turn: int) -> np.ndarray:
    """Returns a block [b, b, C] turned, of `TURNS`."""
    return np.rot90(block[:, ::-1] if turn % 2 else block, turn // 2)


def turned_back(block: np.ndarray, turn: int) -> np.ndarray:
    """Undoes `turned`."""
    upright = np.rot90(block, -(turn // 2))
    return upright[:, ::-1] if turn % 2 else upright


def _order(mask: Mask, number: int, block: np.ndarray) -> list[int]:
    return list(CHANNEL_ORDERS[mask.channels[number]]) if block.shape[2] == 3 else [0]
