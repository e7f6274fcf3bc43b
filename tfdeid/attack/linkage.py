"""Tells which original a record was made of by what de-identification leaves: colours, and shapes that are moved but not lost.

The scheme is public, so originals are put through all of it that needs no key before they are compared with records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from scipy import ndimage
from skimage.feature import hog

from tfdeid.attack.view import Image, View
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.image import to_grayscale
from tfdeid.parallel import parallel_map
from tfdeid.schemes import VECTOR_SCHEMES
from tfdeid.schemes.structural import trace_options, vectorize

Scores = npt.NDArray[np.float64]
_Features = npt.NDArray[np.float32]

_HISTOGRAM_BINS, _GRAY_BINS = 8, 32
_SMALL = 16
_HOG = 64
# Tracing leaves at most 16 colours in most presets; beyond these, most are blends of two along an edge.
_PALETTE = 16
# Distances of colours, at most 255 * 3**0.5, are counted in bins of this width, and blurred, since mapped colours are rounded.
_DISTANCE_BIN, _DISTANCE_BLUR = 1.0, 1.0


class ColorHistogram:
    """How much of each colour there is."""

    name, trained = "color_histogram", False
    about = "compares how much of each colour there is"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme in VECTOR_SCHEMES or config.scheme == "negative_positive"

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        records, originals = _without_slivers(view), keyless(view.config, candidates)
        if view.config.scheme == "negative_positive":
            records, originals = (_stacked(_unordered, images) for images in (records, originals))
        # The root makes the dot product Bhattacharyya's coefficient.
        return _dot(*(np.sqrt(_stacked(_histogram, images)) for images in (records, originals)))


class SmallImage:
    """Where which colour is, coarsely."""

    name, trained = "small_image", False
    about = "correlates images that are reduced to 16 x 16"

    def suits(self, config: DeidConfig) -> bool:
        return True

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        return _likeness(_thumbnail, view, candidates)


class Hog:
    """Which way edges run where (Dalal and Triggs 2005), whatever their colours."""

    name, trained = "hog", False
    about = "compares histograms of oriented gradients, which know no colours"

    def suits(self, config: DeidConfig) -> bool:
        return True

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        return _likeness(_gradients, view, candidates)


class Palette:
    """The very colours that tracing an original gives."""

    name, trained = "palette", False
    about = "looks for the exact colours that tracing the original gives"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme in VECTOR_SCHEMES

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        options = trace_options(view.config.preset, seed=view.config.seed)
        palettes = [_codes(vectorize(image, options).colors[None, :, :3]) for image in candidates]
        known = np.unique(np.concatenate(palettes))
        has = np.stack([np.isin(known, palette) for palette in palettes]).astype(np.float64)
        # What few have says more.
        has *= np.log1p(len(candidates) / has.sum(0))
        shares = np.stack(parallel_map(lambda record: _shares_of(_codes(record), known), view.records))
        return shares @ has.T


class PaletteDistances:
    """How far apart the colours are: what a rigid map of the colours, one for the whole image, leaves as it is."""

    name, trained = "palette_distances", False
    about = "compares how far apart the colours are, which turning and mirroring the colour space leaves alone"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme in VECTOR_SCHEMES

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        originals = parallel_map(_profiles, keyless(view.config, candidates))
        theirs, there = np.concatenate([rows for rows, _ in originals]), np.stack([areas > 0 for _, areas in originals])

        def scores(record: Image) -> Scores:
            rows, areas = _profiles(record)
            like = (rows @ theirs.T).reshape(_PALETTE, *there.shape)
            return np.sqrt(areas) @ np.where(there, like, 0).max(2)

        return np.stack(parallel_map(scores, view.records)).astype(np.float64)


def keyless(config: DeidConfig, images: Sequence[Image]) -> Image:
    """Returns uint8[N, S, S, C], originals put through all of a scheme that needs no key: traced and painted, or resized."""
    scheme = "vectorized" if config.scheme in VECTOR_SCHEMES else "plain"
    return np.stack(parallel_map(Deidentifier(config.with_scheme(scheme)), images))


def reduced(image: Image, size: int) -> Image:
    """Returns uint8[size, size, C], each pixel the mean of what it covers, or between the pixels of a smaller image."""
    squeezed = image[..., 0] if image.shape[2] == 1 else image
    kind = PillowImage.Resampling.BOX if image.shape[0] >= size else PillowImage.Resampling.BICUBIC
    return np.asarray(PillowImage.fromarray(squeezed).resize((size, size), kind)).reshape(size, size, image.shape[2])


def _without_slivers(view: View) -> Image:
    return view.cleaned if view.config.scheme in VECTOR_SCHEMES else view.records


def _likeness(feature: Callable[[Image], _Features], view: View, candidates: Sequence[Image]) -> Scores:
    """Returns how alike candidates are to records, and to what an attacker made of them: where it went wrong, records help."""
    originals = _stacked(feature, keyless(view.config, candidates))
    guesses = [_without_slivers(view), *([] if view.recovered is None else [view.recovered])]
    return np.sum([_dot(_stacked(feature, images), originals) for images in guesses], axis=0)


def _stacked(feature: Callable[[Image], Any], images: Image) -> Any:
    return np.stack(parallel_map(feature, list(images)))


def _dot(records: _Features, candidates: _Features) -> Scores:
    """Returns float64[N, G], cosines of the angles between rows."""
    units = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (records, candidates)]
    return (units[0] @ units[1].T).astype(np.float64)


def _histogram(image: Image) -> _Features:
    """Returns the share of each bin of an image's colours, somewhat blurred: float32[8 * 8 * 8], float32[32] for gray."""
    channels = image.shape[2]
    bins = _HISTOGRAM_BINS if channels == 3 else _GRAY_BINS
    levels = image.reshape(-1, channels).astype(np.intp) * bins // 256
    number = levels @ bins ** np.arange(channels)
    counts = np.bincount(number, minlength=bins**channels).reshape((bins,) * channels)
    blurred = ndimage.gaussian_filter(counts.astype(np.float32), 0.5, mode="constant")
    return (blurred / len(number)).ravel()


def _unordered(image: Image) -> Image:
    """Returns what a negative and an exchange of channels leave of each pixel: distances from the nearer end, in order."""
    return np.sort(np.minimum(image, 255 - image), axis=2)


def _thumbnail(image: Image) -> _Features:
    """Returns an image at 16 x 16, its mean colour left in weakly: a warp moves it little."""
    small = reduced(image, _SMALL).astype(np.float32)
    means = small.mean(axis=(0, 1), keepdims=True)
    return np.concatenate([(small - means).ravel(), _SMALL / 2 * (means - 128).ravel()])


def _gradients(image: Image) -> _Features:
    small = reduced(to_grayscale(image), _HOG)[..., 0]
    found = hog(small, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), feature_vector=True)
    return (found - found.mean()).astype(np.float32)


def _codes(image: Image) -> npt.NDArray[np.int64]:
    """Returns one number a pixel, int64[H * W]; a gray one has that of the colour whose channels are all equal to it."""
    red, green, blue = (image[..., min(c, image.shape[2] - 1)].astype(np.int64).ravel() for c in range(3))
    return red << 16 | green << 8 | blue


def _shares_of(codes: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> Scores:
    """Returns the share of pixels that have each of the known colours, which are sorted."""
    found, counts = np.unique(codes, return_counts=True)
    place = np.minimum(np.searchsorted(known, found), len(known) - 1)
    there = known[place] == found
    shares = np.zeros(len(known))
    shares[place[there]] = counts[there] / len(codes)
    return shares


def _palette(image: Image) -> tuple[_Features, _Features]:
    """Returns the colours that an image shows most of, float32[K, 3], and their shares of it, float32[K], 0 beyond the last."""
    codes, counts = np.unique(_codes(image), return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:_PALETTE]
    colors, areas = np.zeros((_PALETTE, 3), np.float32), np.zeros(_PALETTE, np.float32)
    colors[: len(largest)] = np.stack([codes[largest] >> shift & 255 for shift in (16, 8, 0)], axis=1)
    areas[: len(largest)] = counts[largest] / counts.sum()
    return colors, areas


def _profiles(image: Image) -> tuple[_Features, _Features]:
    """Returns how far from each colour of an image others lie, float32[K, B] with rows of length 1, and shares, float32[K]."""
    colors, areas = _palette(image)
    apart = np.linalg.norm(colors[:, None] - colors, axis=2) / _DISTANCE_BIN
    weights = np.sqrt(areas) * (1 - np.eye(_PALETTE))
    rows = np.zeros((_PALETTE, int(255 * 3**0.5 / _DISTANCE_BIN) + 1), np.float32)
    np.add.at(rows, (np.arange(_PALETTE)[:, None], apart.astype(np.intp)), weights)
    rows = ndimage.gaussian_filter1d(rows, _DISTANCE_BLUR, axis=1, mode="constant")
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows, areas
