"""Images as square blocks, as many along each side as one asks for."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from tfdeid.checks import check_whole
from tfdeid.errors import DeidError
from tfdeid.schemes.base import CommonOptions


@dataclasses.dataclass(frozen=True)
class BlockOptions:
    """How many blocks an image is cut into.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    cells: int = 8
    """Blocks a side, of which input_size must be a multiple: more hide more."""

    def __post_init__(self) -> None:
        check_whole("cells", self.cells, 2, 4096)


def check_blocks(scheme: str, config: CommonOptions) -> None:
    """Raises DeidError if the input size can't be cut into blocks of whole pixels."""
    cells, size = config.options.cells, config.input_size
    if size % cells:
        below = size // cells * cells
        raise DeidError(
            f"input_size must be a multiple of cells for the scheme {scheme!r}, which cuts images into {cells} x {cells} "
            f"blocks; input_size was {size}. Use {f'{below} or ' if below else ''}{below + cells}, or other cells."
        )


def split_blocks(images: np.ndarray, cells: int) -> npt.NDArray[np.uint8]:
    """Returns uint8[..., K * K, b, b, C], the blocks row by row, of images uint8[..., N, N, C]."""
    *several, size, _, channels = images.shape
    side = size // cells
    blocks = images.reshape(*several, cells, side, cells, side, channels).swapaxes(-4, -3)
    return blocks.reshape(*several, cells * cells, side, side, channels)


def join_blocks(blocks: np.ndarray) -> npt.NDArray[np.uint8]:
    """Undoes `split_blocks`."""
    *several, count, side, _, channels = blocks.shape
    cells = round(count**0.5)
    rows = blocks.reshape(*several, cells, cells, side, side, channels).swapaxes(-4, -3)
    return rows.reshape(*several, cells * side, cells * side, channels)
