"""How large the papers say that a brute-force search is, beside how few values a key really fixes."""

from __future__ import annotations

import dataclasses
import math

from tfdeid.deidentifier import BLOCK, DeidConfig
from tfdeid.schemes.negative_positive import ORDERS, check_channels

IMAGES_NOT_KEYS = "The count is of possible images, not of keys: a key has 256 random bits, however many images there are."
_NO_KEY = "Nothing is encrypted, so there is no key to search for."


@dataclasses.dataclass(frozen=True)
class KeySpace:
    """Two ways to tell how large a secret is; as text, a line.

    Attributes:
      images_log2: log2 of the number of possible images that the papers count; None without encryption.
      fixed_values: how many values the key fixes, which is what an adversary has to estimate: for all images together, in a
        pool those of all its tables, and only with `key_scope` "image" for each image anew.
      note: what the count means.
      each_image: whether the key fixes as many values for each image anew.
      tables: in how many equal parts the values come, of which an image has one: those of a pool.
      more_each: how many values beside those the key fixes for each image anew: of its bend, and of the bounds of its levels.
    """

    images_log2: float | None
    fixed_values: int
    note: str
    each_image: bool = False
    tables: int = 1
    more_each: int = 0

    def __str__(self) -> str:
        if self.images_log2 is None:
            return self.note
        each = ", anew for each image" if self.each_image else ", the same for all images"
        if self.tables > 1:
            each = f", in {self.tables:,} tables of which each image gets one"
        if self.more_each:
            each += f", and {self.more_each} more for each image"
        return (
            f"2^{self.images_log2:,.0f} possible images by the papers' count; the key fixes {self.fixed_values:,} values{each}"
        )


def key_space(config: DeidConfig, channels: int = 3) -> KeySpace:
    """Returns the key space of a configuration.

    - structural: (n + 1)^n images of n = N * N pixels (Ko et al. 2020, eq. 9); the key fixes the entries of the warp table
      that occur on the canvas, 10^d * N + 1 at d decimals, the same for both axes; twice as many where the axes are
      independent, and in a pool of K tables K times as many. Keyed colours add 3 bounds of levels for each image (the colours
      themselves are no secret: every record shows them), and a bend 36 numbers.
    - negative_positive: 8^n * 6^n (their eq. 8); 3 bits and one of 6 orders a pixel.
    - block_shuffle: M! * 2^M with M = 96 half-bytes a block, for gray 32; M bits and a permutation of M.

    Args:
      config: what is done; with `grayscale` the images have one channel.
      channels: channels of the images, 1 or 3.

    Raises:
      DeidError: the scheme doesn't take such images.
    """
    pixels, each = config.input_size**2, config.key_scope == "image"
    if config.scheme == "structural":
        from tfdeid.schemes.structural.bend import NUMBERS as BEND_NUMBERS
        from tfdeid.schemes.structural.recolor import LEVELS

        tables = config.pool_size or 1
        values = (10**config.coordinate_decimals * config.input_size + 1) * (1 if config.axes == "shared" else 2) * tables
        more = (LEVELS - 1 if config.colors == "keyed" else 0) + (BEND_NUMBERS if config.bend else 0)
        return KeySpace(pixels * math.log2(pixels + 1), values, IMAGES_NOT_KEYS, each, tables, more)
    if config.scheme == "negative_positive":
        check_channels(channels)
        return KeySpace(pixels * (channels + math.log2(len(ORDERS))), pixels * (channels + 1), IMAGES_NOT_KEYS, each)
    if config.scheme == "block_shuffle":
        halves = 2 * BLOCK * BLOCK * (1 if config.grayscale else channels)
        return KeySpace(math.log2(math.factorial(halves)) + halves, 2 * halves, IMAGES_NOT_KEYS, each)
    return KeySpace(None, 0, _NO_KEY)
