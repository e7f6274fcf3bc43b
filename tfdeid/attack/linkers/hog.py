"""Links by which way edges run where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.feature import hog

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.comparing import Feature, feature_likeness, reduced
from tfdeid.image import to_grayscale

_SIZE = 64


class Hog(Linker):
    """Which way edges run where (Dalal and Triggs 2005), whatever their colours."""

    name = "hog"
    about = "compares histograms of oriented gradients, which know no colours"

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        return feature_likeness(gradients, view, candidates)


def gradients(image: Image) -> Feature:
    """Returns float32[F], an image's histograms of oriented gradients, about their mean."""
    small = reduced(to_grayscale(image), _SIZE)[..., 0]
    histograms = hog(small, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), feature_vector=True)
    return (histograms - histograms.mean()).astype(np.float32)
