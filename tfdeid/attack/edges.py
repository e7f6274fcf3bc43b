"""Where the edges of images lie: along each axis, the share of an image's total variation in each gap between pixels.

A monotone warp of the axes moves variation, and neither makes nor destroys it; slivers aside, so does painting.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image
from tfdeid.attack.shadow_keys import shadow_deidentifier, shadow_key
from tfdeid.attack.warp import Curve, true_warps
from tfdeid.deidentifier import DeidConfig
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes.jit import jit

# Own keys are drawn for as many public images each, and so many images are enough: what remains is the records' own chance.
_IMAGES_A_KEY, _OWN_IMAGES = 50, 3000


class Profiles(NamedTuple):
    """The edges of N images.

    Attributes:
      x: float64[N, S - 1], the share of variation between each column and the next; rows sum to 1.
      y: float64[N, S - 1], the same between rows.
    """

    x: Curve
    y: Curve

    def of(self, numbers: npt.NDArray[np.intp]) -> Profiles:
        """Returns those of some of the images."""
        return Profiles(self.x[numbers], self.y[numbers])

    def and_of(self, others: Profiles) -> Profiles:
        """Returns those of the images and of other images after them."""
        return Profiles(np.concatenate([self.x, others.x]), np.concatenate([self.y, others.y]))


def profiles(images: Image) -> Profiles:
    """Returns the edges of uint8[N, S, S, C]."""
    x, y = np.transpose(np.array(parallel_map(_profile, images)), (1, 0, 2))
    return Profiles(x, y)


@jit
def _profile(image):
    """Returns float64[2, S - 1]."""
    size = image.shape[0]
    out = np.zeros((2, size - 1))
    for row in range(size):
        for column in range(size):
            for channel in range(image.shape[2]):
                value = np.int64(image[row, column, channel])
                if column + 1 < size:
                    out[0, column] += abs(np.int64(image[row, column + 1, channel]) - value)
                if row + 1 < size:
                    out[1, row] += abs(np.int64(image[row + 1, column, channel]) - value)
    for axis in range(2):
        total = out[axis].sum()
        if total > 0:
            out[axis] /= total
        else:
            out[axis] = 1 / (size - 1)
    return out


def cumulated(profile: Curve) -> Curve:
    """Returns float64[S + 2], the share of variation before 0, before each pixel's centre and before 1."""
    return np.concatenate([[0.0, 0.0], np.cumsum(profile), [1.0]])


def centres(size: int) -> Curve:
    """Returns float64[S + 2]: 0, the centres of S pixels as shares of the side, and 1."""
    return np.concatenate([[0.0], (np.arange(size) + 0.5) / size, [1.0]])


def expected(config: DeidConfig, public: Sequence[Image], seed: int) -> tuple[Curve, Curve]:
    """Returns where edges lie in images of this kind, before any warp.

    The attacker de-identifies public images under keys of its own, so that slivers and borders are in the reckoning, and looks
    up in each result what lies before a place that it knows to have moved.

    Args:
      config: what was done to the records.
      public: uint8[N, N, C] each.
      seed: of the attacker's keys.

    Returns:
      float64[501] for x and y, the share of variation before each share of the side.
    """
    images = public[:_OWN_IMAGES]
    config = dataclasses.replace(config, key_scope="dataset")
    groups = [images[start : start + _IMAGES_A_KEY] for start in range(0, len(images), _IMAGES_A_KEY)]
    curves = [_under_shadow_key(config, shadow_key(seed, number), group) for number, group in enumerate(groups)]
    x, y = np.average(curves, axis=0, weights=[len(group) for group in groups])
    return x, y


def _under_shadow_key(config: DeidConfig, key: Key, images: Sequence[Image]) -> Curve:
    warp = true_warps(config, key, [""])[0]
    ids = [f"own {number}" for number in range(len(images))]
    edges = profiles(np.stack(parallel_map(shadow_deidentifier(config, key), images, ids)))
    shares = np.linspace(0, 1, 501)
    places = centres(config.output_size)
    moved = warp.at(shares)
    return np.array([np.interp(line, places, cumulated(axis.mean(0))) for line, axis in zip(moved, edges, strict=True)])
