"""Knows the records alone, and puts their blocks together like a jigsaw.

See `tfdeid.attack.jigsaw` for what it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Attacker, Image, Recovery, View
from tfdeid.attack.comparing import of_each, reduced
from tfdeid.attack.jigsaw import Borders, Change, changes
from tfdeid.attack.unstretch import restretch, unstretch
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map
from tfdeid.schemes.block_permute import BlockPermute
from tfdeid.schemes.blocks import join_blocks, split_blocks
from tfdeid.schemes.etc import Etc

# Records that an order for all is found from.
_NUM_RECORDS = 300
# What is common among images is judged by so many pixels a side, of so many public images.
_SMALL, _NUM_PUBLIC = 8, 4000


class Jigsaw(Attacker):
    """Lays side by side what goes on across a border; where all records have one order, in all at once.

    What is done to all blocks alike changes no border. Of such turns, negatives and orders of channels it takes that which
    makes images most like public ones.
    """

    name = "jigsaw"
    about = "puts blocks together by their borders, over all records at once where they have one order"
    is_given_to_linkers = True

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class, BlockPermute | Etc)

    def __call__(self, view: View) -> Recovery:
        config = view.config
        blocks = split_blocks(unstretch(view.records, config.input_size), config.options.cells)
        known = changes(blocks.shape[-1])
        if issubclass(config.scheme_class, BlockPermute):
            known = known[:1]
        upright = _Upright(view, known)
        if config.key_scope == "dataset":
            laid = upright(_laid(blocks, known, _NUM_RECORDS))
        else:
            laid = np.concatenate(parallel_map(lambda own: upright(_laid(own[np.newaxis], known, 1)), list(blocks)))
        return Recovery(restretch(laid, view.records.shape[1]))


def _laid(blocks: npt.NDArray[np.uint8], known: list[Change], count: int) -> Image:
    """Returns uint8[R, N, N, C], the blocks uint8[R, n, b, b, C] in the order that some of the records tell."""
    order, change = Borders(blocks[:count], known).assemble(round(blocks.shape[1] ** 0.5))
    return join_blocks(np.stack([known[of].undo(blocks[:, block]) for block, of in zip(order, change, strict=True)], axis=1))


class _Upright:
    """Undoes what was done to all blocks of images alike.

    Args:
      view: whose public images say what is common.
      known: what may have been done.
    """

    def __init__(self, view: View, known: list[Change]):
        self._known = known if len(view.public) > 1 else known[:1]
        if len(self._known) == 1:
            return
        usual = _small(view.public[:_NUM_PUBLIC])
        self._mean = usual.mean(0)
        # As much again as rounding and few images leave open.
        self._precision = np.linalg.inv(np.cov(usual.T) + 10 * np.eye(usual.shape[1]))

    def __call__(self, images: Image) -> Image:
        if len(self._known) == 1:
            return images
        return max((change.undo(images) for change in self._known), key=self._likelihood)

    def _likelihood(self, images: Image) -> float:
        apart = _small(list(images)) - self._mean
        return -float(np.einsum("ij,jk,ik->", apart, self._precision, apart, optimize=True))


def _small(images: Sequence[Image]) -> npt.NDArray[np.float64]:
    return of_each(lambda image: reduced(image, _SMALL), np.stack(images)).reshape(len(images), -1).astype(np.float64)
