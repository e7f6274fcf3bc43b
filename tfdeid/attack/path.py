"""The likeliest rising curve under what PosOPE's gaps are like: dynamic programming, which all estimates of a table end in."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.warp import Curve
from tfdeid.deidentifier import DeidConfig
from tfdeid.schemes.jit import jit

# Gaps between successive entries are tried up to the mean and so many standard deviations.
_LONGEST_GAP = 8.0


def likeliest_curve(score: Curve, config: DeidConfig, valley: Curve | None = None) -> Curve:
    """Returns the rising curve that has the highest score and gaps as the cipher makes them.

    Args:
      score: float64[K, P], the log-likelihood that entry k of evenly spaced ones lies at position p of evenly spaced ones, the
        first and last of both at the ends of the side.
      config: what was done.
      valley: float64[P], added for the position halfway between two successive entries.

    Returns:
      float64[K], where the entries lie as shares of the side, from 0 to 1.
    """
    count, size = score.shape
    mean_gap = (size - 1) / (count - 1)
    # A gap is that of so many steps of the cipher, each of which is nearly geometric: together a gamma distribution.
    shape = 10**config.coordinate_decimals * config.input_size / (count - 1)
    gaps = np.arange(1, int((1 + _LONGEST_GAP / np.sqrt(shape)) * mean_gap) + 2)
    prior = (shape - 1) * np.log(gaps / mean_gap) - shape * gaps / mean_gap
    row = _likeliest(np.ascontiguousarray(score), np.zeros(size) if valley is None else valley, prior)
    return row / (size - 1)


@jit
def _likeliest(score, valley, prior):
    """Returns int64[K], rising from 0 to the last position."""
    count, size = score.shape
    best = np.full((count, size), -np.inf)
    came = np.zeros((count, size), np.int64)
    best[0, 0] = 0.0
    for k in range(1, count):
        for at in range(size):
            top, gap_of_top = -np.inf, 0
            for g in range(min(len(prior), at)):
                value = best[k - 1, at - g - 1] + prior[g] + valley[at - (g + 1) // 2]
                if value > top:
                    top, gap_of_top = value, g + 1
            best[k, at] = top + score[k, at]
            came[k, at] = gap_of_top
    row = np.zeros(count, np.int64)
    at = size - 1
    for k in range(count - 1, -1, -1):
        row[k] = at
        at -= came[k, at]
    return row
