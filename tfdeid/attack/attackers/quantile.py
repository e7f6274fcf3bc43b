"""Knows the records alone: matches where their edges lie with where those of public images do, quantile by quantile."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.base import Attacker, Recovery, View
from tfdeid.attack.edges import Profiles, centres, cumulated
from tfdeid.attack.features import features_of
from tfdeid.attack.warp import Curve, Warp, undo_all, warps_positions
from tfdeid.deidentifier import DeidConfig

_DOUBT = 3


class Quantile(Attacker):
    """The share of edges before a place does not change when the place moves, so it tells where the place went."""

    name = "quantile"
    about = "matches the distribution of edges over all records with that of public images, and undoes the warp that this takes"
    is_given_to_linkers = True

    def suits(self, config: DeidConfig) -> bool:
        return warps_positions(config)

    def __call__(self, view: View) -> Recovery:
        features = features_of(view)
        warps = [match_quantiles(features.edges, features.expected_edges, view.config)] * len(view.records)
        return Recovery(undo_all(warps, features.cleaned), warps)


def match_quantiles(edges: Profiles, before: tuple[Curve, Curve], config: DeidConfig) -> Warp:
    """Returns the warp that makes a distribution of edges the expected one.

    Args:
      edges: of some records under one warp.
      before: what `expected` returns.
      config: what was done; with shared axes, the estimates of both are averaged.
    """
    places = centres(config.output_size)
    curves = []
    for expected_share, profile in zip(before, edges, strict=True):
        share = cumulated(profile.mean(0))
        # Strictly rising, as looking up the inverse needs.
        share += np.linspace(0, 1e-9, len(share))
        curve = np.interp(expected_share, share, places)
        curve[0], curve[-1] = 0.0, 1.0
        # Few records have their edges here or there by chance, and the cipher moves little: more so with more decimals.
        trust = len(profile) / (len(profile) + _DOUBT * 10**config.coordinate_decimals)
        curves.append(trust * curve + (1 - trust) * np.linspace(0, 1, len(curve)))
    return shared_or_not(curves[0], curves[1], config)


def shared_or_not(x: Curve, y: Curve, config: DeidConfig) -> Warp:
    """Returns the warp of two estimates, which are averaged where both axes are known to have one table."""
    if config.axes == "shared":
        x = y = (x + y) / 2
    return Warp(x, y)
