"""Links by where which colour is, coarsely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.comparing import Feature, feature_likeness, reduced

_SIZE = 16


class SmallImage(Linker):
    """Where which colour is, coarsely."""

    name = "small_image"
    about = "correlates images that are reduced to 16 x 16"

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        return feature_likeness(_thumbnail, view, candidates)


def _thumbnail(image: Image) -> Feature:
    """Returns an image at 16 x 16, its mean colour left in weakly: a warp moves it little."""
    small = reduced(image, _SIZE).astype(np.float32)
    means = small.mean(axis=(0, 1), keepdims=True)
    return np.concatenate([(small - means).ravel(), _SIZE / 2 * (means - 128).ravel()])
