"""What attackers on the baselines' masks have in common: they hold encrypted images against public ones."""

from __future__ import annotations

import abc
from typing import ClassVar

import numpy as np

from tfdeid.attack.base import Attacker, Image, Recovery, View
from tfdeid.attack.unstretch import restretch, unstretch

MIN_PUBLIC = 10
NO_PUBLIC = f"needs at least {MIN_PUBLIC} public images; the records are given back as they are"


class MaskAttacker(Attacker):
    """Finds what a mask did to the images before they were stretched: one mask for all of them, or one for each."""

    is_given_to_linkers = True
    num_public: ClassVar[int]
    """Public images that it looks at, at most."""

    def __call__(self, view: View) -> Recovery:
        if len(view.public) < MIN_PUBLIC:
            return Recovery(view.records, note=NO_PUBLIC)
        encrypted = unstretch(view.records, view.config.input_size)
        undo = self.undo_own_masks if view.config.key_scope == "image" else self.undo_shared_mask
        return Recovery(restretch(undo(encrypted, some_public(view, self.num_public), view.seed), view.records.shape[1]))

    @abc.abstractmethod
    def undo_shared_mask(self, encrypted: Image, public: Image, seed: int) -> Image:
        """Returns uint8[N, size, size, C], images as they were before the mask that all of them have.

        Args:
          encrypted: uint8[N, size, size, C].
          public: uint8[M, size, size, C].
          seed: of all draws.
        """

    @abc.abstractmethod
    def undo_own_masks(self, encrypted: Image, public: Image, seed: int) -> Image:
        """Returns uint8[N, size, size, C], images as they were before masks of their own; arguments as above."""


def some_public(view: View, count: int) -> Image:
    """Returns uint8[M, size, size, C], at most `count` of the public images, drawn by the seed."""
    drawn = np.random.RandomState(view.seed).choice(len(view.public), min(count, len(view.public)), replace=False)
    return np.stack([view.public[number] for number in drawn])
