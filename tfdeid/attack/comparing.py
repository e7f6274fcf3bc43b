"""How records are compared with originals: by features of images that de-identification does not destroy.

The scheme is public, so originals are put through all of it that needs no key before they are compared with records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from tfdeid.attack.base import Image, Scores, View
from tfdeid.attack.features import features_of
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.parallel import parallel_map

Feature = npt.NDArray[np.float32]


def keyless(config: DeidConfig, images: Sequence[Image]) -> Image:
    """Returns uint8[N, S, S, C], originals put through all of a scheme that needs no key: traced and painted, say."""
    scheme = config.scheme_class
    same = scheme.keyless or ("vectorized" if scheme.traces else "plain")
    return np.stack(parallel_map(Deidentifier(config.with_scheme(same) if scheme.needs_key else config), images))


def reduced(image: Image, size: int) -> Image:
    """Returns uint8[size, size, C], each pixel the mean of what it covers, or between the pixels of a smaller image."""
    squeezed = image[..., 0] if image.shape[2] == 1 else image
    kind = PillowImage.Resampling.BOX if min(image.shape[:2]) >= size else PillowImage.Resampling.BICUBIC
    return np.asarray(PillowImage.fromarray(squeezed).resize((size, size), kind)).reshape(size, size, image.shape[2])


def without_slivers(view: View) -> Image:
    """Returns the records, cleaned if they were traced."""
    return features_of(view).cleaned if view.config.scheme_class.traces else view.records


def feature_likeness(feature: Callable[[Image], Feature], view: View, candidates: Sequence[Image]) -> Scores:
    """Returns how alike candidates are to records, and to what an attacker made of them: where it went wrong, records help."""
    originals = of_each(feature, keyless(view.config, candidates))
    guesses = [without_slivers(view), *([] if view.recovered is None else [view.recovered])]
    return np.sum([cosines(of_each(feature, images), originals) for images in guesses], axis=0)


def of_each(feature: Callable[[Image], Any], images: Image) -> Any:
    """Returns the features of images as rows."""
    return np.stack(parallel_map(feature, list(images)))


def cosines(records: Feature, candidates: Feature) -> Scores:
    """Returns float64[N, G], cosines of the angles between rows of float32[N, F] and float32[G, F]; 0 for rows of zeros."""
    units = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (records, candidates)]
    return (units[0] @ units[1].T).astype(np.float64)


def color_codes(image: Image) -> npt.NDArray[np.int64]:
    """Returns one number a pixel, int64[H * W]; a gray one has that of the colour whose channels are all equal to it."""
    red, green, blue = (image[..., min(c, image.shape[2] - 1)].astype(np.int64).ravel() for c in range(3))
    return red << 16 | green << 8 | blue
