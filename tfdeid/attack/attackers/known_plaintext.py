"""Knows some originals of records: aligns their columns and rows, in order, by dynamic programming (time warping)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfdeid.attack.attackers.lattice import group_by_table, read_lattice
from tfdeid.attack.base import Attacker, Image, Knowledge, Pair, Recovery, View
from tfdeid.attack.cleaning import clean
from tfdeid.attack.edges import profiles
from tfdeid.attack.features import features_of
from tfdeid.attack.path import likeliest_curve
from tfdeid.attack.warp import Curve, Warp, undo_all, warps_positions
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.image import to_grayscale

# Places that are aligned, an input pixel and an output pixel.
_PLACES, _STEPS = 2, 2
# Alternations between the two axes, each of which is aligned with the other's warp undone.
_ROUNDS = 3
# How much a place's misfit counts against the prior of the cipher's gaps.
_WEIGHT = 5.0


class KnownPlaintext(Attacker):
    """Vectorises the known originals, which takes no key, and finds the rising map of places that fits all pairs best."""

    knows = Knowledge.PAIRS
    about = "aligns known originals with their records by dynamic time warping along each axis, and undoes the warp everywhere"

    def suits(self, config: DeidConfig) -> bool:
        # Where each image has its own warp, what a pair gave away says nothing of the others.
        return warps_positions(config) and config.key_scope != "image" and not config.bend

    def __call__(self, view: View) -> Recovery:
        cleaned = features_of(view).cleaned
        if view.config.pool_size is None:
            warps = [align(view.pairs, view.config)] * len(view.records)
            return Recovery(undo_all(warps, cleaned), warps)
        warps, told = _warps_of_pool(view)
        return Recovery(undo_all(warps, cleaned), warps, f"{told:,} of {len(set(warps)):,} groups of records have a known one")


class KnownPlaintext1(KnownPlaintext):
    name, num_pairs = "known_plaintext_1", 1


class KnownPlaintext3(KnownPlaintext):
    name, num_pairs = "known_plaintext_3", 3


class KnownPlaintext10(KnownPlaintext):
    name, num_pairs = "known_plaintext_10", 10


def _warps_of_pool(view: View) -> tuple[list[Warp], int]:
    """Returns each record's warp, and how many groups' are told by known pairs; those of others are read off their lattice."""
    features, count = features_of(view), len(view.records)
    edges_of_known = profiles(np.stack([record for _, record in view.pairs]))
    # The records of known pairs are numbered after those that are attacked.
    groups = group_by_table(features.edges.and_of(edges_of_known), view.config)
    warps, told = [Warp.identity()] * count, 0
    for numbers in groups:
        attacked, known = numbers[numbers < count], numbers[numbers >= count] - count
        if not attacked.size:
            continue
        if known.size:
            warp, told = align([view.pairs[number] for number in known], view.config), told + 1
        else:
            warp = read_lattice(features.edges.of(attacked), features.expected_edges, view.config)
        for number in attacked:
            warps[number] = warp
    return warps, told


def align(pairs: Sequence[Pair], config: DeidConfig) -> Warp:
    """Returns the warp that explains known pairs best.

    Args:
      pairs: uint8[N, N, C] and uint8[S, S, C] of each, under one warp.
      config: what was done.
    """
    vectorize = Deidentifier(config.with_scheme("vectorized"))
    before = np.stack([vectorize(original) for original, _ in pairs])
    after = np.stack([clean(record) for _, record in pairs])
    if config.colors == "keyed":
        # Keyed colours keep, but for noise, which pixels are lighter than which.
        before, after = (np.stack([_ranks(image) for image in images]) for images in (before, after))
    warp, straight = Warp.identity(), Warp.identity().x
    for _ in range(_ROUNDS):
        # Columns are compared row by row, so the rows must be where they were; and the other way round.
        level = np.stack([Warp(straight, warp.y).undo(image) for image in after])
        upright = np.stack([Warp(warp.x, straight).undo(image) for image in after])
        x = _likeness(before, level, config)
        y = _likeness(before.swapaxes(1, 2), upright.swapaxes(1, 2), config)
        if config.axes == "shared":
            curve = likeliest_curve(x + y, config)
            warp = Warp(curve, curve)
        else:
            warp = Warp(likeliest_curve(x, config), likeliest_curve(y, config))
    return warp


def _ranks(image: Image) -> Image:
    """Returns uint8[S, S, 1], for each pixel the share of pixels that are darker, of which those as dark count half."""
    lightness = to_grayscale(image)
    counts = np.bincount(lightness.ravel(), minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / lightness.size
    return np.rint(255 * ranks).astype(np.uint8)[lightness]


def _likeness(before: Image, after: Image, config: DeidConfig) -> Curve:
    """Returns float64[2 N + 1, 2 S + 1], how like the columns of images at a place are to those of their records at another."""
    columns_before = _columns(before, np.linspace(0, 1, _PLACES * config.input_size + 1))
    columns_after = _columns(after, np.linspace(0, 1, _STEPS * config.output_size + 1))
    apart = (columns_before**2).sum(1)[:, None] + (columns_after**2).sum(1) - 2 * columns_before @ columns_after.T
    return -_WEIGHT * apart / max(float(np.median(apart.min(1))), 1.0)


def _columns(images: Image, shares: Curve) -> Curve:
    """Returns float64[K, P * S * C], the columns of uint8[P, S, S, C] at shares of the width, between pixels as a blend."""
    size = images.shape[2]
    places = np.clip(shares * size - 0.5, 0, size - 1)
    left = np.minimum(places.astype(np.intp), size - 2)
    columns = images.transpose(2, 0, 1, 3).reshape(size, -1).astype(np.float64)
    return columns[left] + (places - left)[:, None] * (columns[left + 1] - columns[left])
