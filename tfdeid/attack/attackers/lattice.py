"""Knows the records alone: whole-pixel positions are where edges pile up, so their peaks are the table's entries.

With a pool of tables, records are first brought together by where their own edges pile up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy

from tfdeid.attack.attackers.quantile import match_quantiles
from tfdeid.attack.base import Attacker, Recovery, View
from tfdeid.attack.edges import Profiles
from tfdeid.attack.features import features_of
from tfdeid.attack.path import likeliest_curve
from tfdeid.attack.warp import Curve, Warp, undo_all, warps_positions
from tfdeid.deidentifier import DeidConfig

# Positions that are tried, a pixel of the record.
_STEPS = 4
# Pixels over which the level of a profile is taken, in mean gaps.
_LEVEL = 2.0
# Of k-means; fewer are enough to settle.
_ROUNDS = 20


class Lattice(Attacker):
    """Peaks of the edge profiles, found in one pass for all entries: each near a peak, gaps as the cipher makes them."""

    name = "lattice"
    about = "finds the table's entries where the edges of many records pile up, and undoes the warp"
    is_given_to_linkers = True

    def suits(self, config: DeidConfig) -> bool:
        return warps_positions(config)

    def __call__(self, view: View) -> Recovery:
        features = features_of(view)
        warps = [Warp.identity()] * len(view.records)
        groups = group_by_table(features.edges, view.config)
        for numbers in groups:
            warp = read_lattice(features.edges.of(numbers), features.expected_edges, view.config)
            for number in numbers:
                warps[number] = warp
        note = f"{len(groups):,} groups of records" if len(groups) > 1 else ""
        return Recovery(undo_all(warps, features.cleaned), warps, note)


def group_by_table(edges: Profiles, config: DeidConfig) -> list[npt.NDArray[np.intp]]:
    """Returns the numbers of the records that seem to have one table each: all, clusters for a pool, or every one by itself."""
    count = len(edges.x)
    if config.key_scope == "dataset":
        return [np.arange(count)]
    if config.key_scope == "image":
        return [np.array([number]) for number in range(count)]
    tables = min(int(config.key_scope.partition(":")[2]), count)
    # Single records have no edges in most places, which says nothing; hence the floor, two thirds of the mean.
    floor = 2 / 3 / (config.output_size - 1)
    sharp = [np.apply_along_axis(_above_level, 1, profile, config, floor) for profile in edges]
    features = sharp[0] + sharp[1] if config.axes == "shared" else np.concatenate(sharp, axis=1)
    cluster = spherical_k_means(features, tables)
    return [numbers for k in range(tables) if (numbers := np.flatnonzero(cluster == k)).size]


def spherical_k_means(features: Curve, count: int) -> npt.NDArray[np.intp]:
    """Returns intp[N], the cluster of each of float64[N, F], by the cosine of their angle.

    It begins with Ward's clusters, so that nothing is drawn: from drawn centres many rounds end with two clusters in one.
    """
    points = features - features.mean(0)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    cluster = hierarchy.fcluster(hierarchy.ward(points), count, "maxclust") - 1 if len(points) > 1 else np.zeros(1, np.intp)
    for _ in range(_ROUNDS):
        centers = np.zeros((count, points.shape[1]))
        np.add.at(centers, cluster, points)
        centers /= np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-12)
        cluster = (points @ centers.T).argmax(1)
    return cluster


def read_lattice(edges: Profiles, before: tuple[Curve, Curve], config: DeidConfig) -> Warp:
    """Returns the warp of records that share one.

    Args:
      edges: of the records.
      before: what `expected` returns.
      config: what was done; with shared axes both profiles speak for one table.
    """
    near = match_quantiles(edges, before, config)
    sharp = [_sharpness(profile.mean(0), config) for profile in edges]
    if config.axes == "shared":
        curve = _fit(sharp[0] + sharp[1], near.x, config)
        return Warp(curve, curve)
    return Warp(_fit(sharp[0], near.x, config), _fit(sharp[1], near.y, config))


def _sharpness(profile: Curve, config: DeidConfig) -> Curve:
    """Returns float64[STEPS * S + 1], at each position how far edges pile up there."""
    size = config.output_size
    return np.interp(np.arange(_STEPS * size + 1) / _STEPS, np.arange(1, size), _above_level(profile, config, 1e-6))


def _above_level(profile: Curve, config: DeidConfig, floor: float) -> Curve:
    """Returns float64[S - 1], the log of a profile as a share of its level, both raised by a floor."""
    width = max(3, int(_LEVEL * config.output_size / config.input_size) | 1)
    padded = np.pad(profile, width // 2, mode="reflect")
    level = np.convolve(padded, np.ones(width) / width, mode="valid")
    return np.log((profile + floor) / (level + floor))


def _fit(sharp: Curve, near: Curve, config: DeidConfig) -> Curve:
    """Returns float64[N + 1], where whole-pixel positions lie as shares of the side: the likeliest rising row."""
    count, last = config.input_size, len(sharp) - 1
    guess = last * np.interp(np.arange(count + 1) / count, np.linspace(0, 1, len(near)), near)
    # Weights that did best under keys of our own. Without decimals entries lie too unevenly for each to have a peak.
    weight, anchor = (20.0, 1.0) if config.coordinate_decimals else (2.0, 1.0)
    away = (np.arange(last + 1) - guess[:, None]) / (anchor * last / count)
    # Between two peaks lies a valley.
    return likeliest_curve(weight * sharp - away**2 / 2, config, valley=-weight / 2 * sharp)
