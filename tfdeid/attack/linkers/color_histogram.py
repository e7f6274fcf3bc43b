"""Links by how much of each colour there is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.comparing import Feature, cosines, keyless, of_each, without_slivers
from tfdeid.deidentifier import DeidConfig
from tfdeid.schemes.block_permute import BlockPermute
from tfdeid.schemes.blur import Blur
from tfdeid.schemes.etc import Etc
from tfdeid.schemes.negative_positive import NegativePositive
from tfdeid.schemes.pixelate import Pixelate

# Schemes that leave colours, or do to originals what they do to records; and those that leave them but for negatives.
_KEEPING, _NEGATING = (BlockPermute, Blur, Pixelate), (NegativePositive, Etc)
_BINS, _GRAY_BINS = 8, 32


class ColorHistogram(Linker):
    """How much of each colour there is."""

    name = "color_histogram"
    about = "compares how much of each colour there is"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme_class.traces or issubclass(config.scheme_class, (*_KEEPING, *_NEGATING))

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        records, originals = without_slivers(view), keyless(view.config, candidates)
        if issubclass(view.config.scheme_class, _NEGATING):
            records, originals = of_each(_unordered, records), of_each(_unordered, originals)
        # The root makes the cosine Bhattacharyya's coefficient.
        return cosines(np.sqrt(of_each(_histogram, records)), np.sqrt(of_each(_histogram, originals)))


def _unordered(image: Image) -> Image:
    """Returns what a negative and an exchange of channels leave of each pixel: distances from the nearer end, in order."""
    return np.sort(np.minimum(image, 255 - image), axis=2)


def _histogram(image: Image) -> Feature:
    """Returns the share of each bin of an image's colours, somewhat blurred: float32[8 * 8 * 8], float32[32] for gray."""
    channels = image.shape[2]
    bins = _BINS if channels == 3 else _GRAY_BINS
    levels = image.reshape(-1, channels).astype(np.intp) * bins // 256
    number = levels @ bins ** np.arange(channels)
    counts = np.bincount(number, minlength=bins**channels).reshape((bins,) * channels)
    blurred = ndimage.gaussian_filter(counts.astype(np.float32), 0.5, mode="constant")
    return (blurred / len(number)).ravel()
