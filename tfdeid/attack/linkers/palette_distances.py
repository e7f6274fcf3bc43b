"""Links by how far apart the colours are, which no rigid map of the colours changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.comparing import Feature, color_codes, keyless
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map

# Tracing leaves at most 16 colours in most presets; beyond these, most are blends of two along an edge.
_COLORS = 16
# Distances of colours, at most 255 * 3**0.5, are counted in bins of this width, and blurred, since mapped colours are rounded.
_BIN, _BLUR = 1.0, 1.0


class PaletteDistances(Linker):
    """How far apart the colours are: what a rigid map of the colours, one for the whole image, leaves as it is."""

    name = "palette_distances"
    about = "compares how far apart the colours are, which turning and mirroring the colour space leaves alone"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme_class.traces

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        originals = parallel_map(_distances, keyless(view.config, candidates))
        rows_of_all = np.concatenate([rows for rows, _ in originals])
        is_shown = np.stack([areas > 0 for _, areas in originals])

        def scores(record: Image) -> Scores:
            rows, areas = _distances(record)
            likeness = (rows @ rows_of_all.T).reshape(_COLORS, *is_shown.shape)
            # Each colour of the record counts by its most similar one in the candidate.
            return np.sqrt(areas) @ np.where(is_shown, likeness, 0).max(2)

        return np.stack(parallel_map(scores, view.records)).astype(np.float64)


def _palette(image: Image) -> tuple[Feature, Feature]:
    """Returns the colours that an image shows most of, float32[K, 3], and their shares of it, float32[K], 0 beyond the last."""
    codes, counts = np.unique(color_codes(image), return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:_COLORS]
    colors, areas = np.zeros((_COLORS, 3), np.float32), np.zeros(_COLORS, np.float32)
    colors[: len(largest)] = np.stack([codes[largest] >> shift & 255 for shift in (16, 8, 0)], axis=1)
    areas[: len(largest)] = counts[largest] / counts.sum()
    return colors, areas


def _distances(image: Image) -> tuple[Feature, Feature]:
    """Returns how far from each colour of an image others lie, float32[K, B] with rows of length 1, and shares, float32[K]."""
    colors, areas = _palette(image)
    apart = np.linalg.norm(colors[:, None] - colors, axis=2) / _BIN
    weights = np.sqrt(areas) * (1 - np.eye(_COLORS))
    rows = np.zeros((_COLORS, int(255 * 3**0.5 / _BIN) + 1), np.float32)
    np.add.at(rows, (np.arange(_COLORS)[:, None], apart.astype(np.intp)), weights)
    rows = ndimage.gaussian_filter1d(rows, _BLUR, axis=1, mode="constant")
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows, areas
