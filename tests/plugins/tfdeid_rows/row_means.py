"""A linker: the mean colour of each row stays what it is, however far the row is shifted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfdeid.attack.base import DeidConfig, Image, Linker, Scores, View

_ROWS = 16


class RowMeans(Linker):
    """Compares the mean colours of bands of rows."""

    name = "row_means"
    about = "compares the mean colour of each row, which no shift changes"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme == "row_shift"

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        records, originals = (np.stack([_means(image) for image in images]) for images in (view.records, candidates))
        return -np.linalg.norm(records[:, None] - originals[None], axis=2)


def _means(image: Image) -> np.ndarray:
    """Returns the mean colours of 16 bands of rows, float64[16 * C]."""
    means = image.mean(1)
    places, middles = (np.arange(len(means)) + 0.5) / len(means), (np.arange(_ROWS) + 0.5) / _ROWS
    return np.concatenate([np.interp(middles, places, channel) for channel in means.T])
