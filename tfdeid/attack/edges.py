"""Where the edges of images lie: along each axis, the share of an image's total variation in each gap between pixels.

A monotone warp of the axes moves variation, and neither makes nor destroys it; slivers aside, so does painting.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfdeid.attack.key_known import true_warps
from tfdeid.attack.view import Image, View
from tfdeid.attack.warp import Curve
from tfdeid.deidentifier import DeidConfig, Deidentifier
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


def own_key(seed: int, number: int) -> Key:
    """Returns a key that the attacker draws, to try out what the public scheme does; it has nothing to do with the owner's."""
    return Key(base64.b64encode(hashlib.sha256(f"attacker's key {number} of seed {seed}".encode()).digest()).decode())


def own_deidentifier(config: DeidConfig, key: Key) -> Deidentifier:
    """Returns what de-identifies under a key of the attacker's own, without advice that is for owners."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Deidentifier(config, key)


def expected(view: View) -> tuple[Curve, Curve]:
    """Returns where edges lie in images of this kind, before any warp.

    The attacker de-identifies public images under keys of its own, so that slivers and borders are in the reckoning, and looks
    up in each result what lies before a place that it knows to have moved.

    Returns:
      float64[501] for x and y, the share of variation before each share of the side.
    """
    images = view.public[:_OWN_IMAGES]
    config = dataclasses.replace(view.config, key_scope="dataset")
    groups = [images[start : start + _IMAGES_A_KEY] for start in range(0, len(images), _IMAGES_A_KEY)]
    curves = [_under_own_key(config, own_key(view.seed, number), group) for number, group in enumerate(groups)]
    x, y = np.average(curves, axis=0, weights=[len(group) for group in groups])
    return x, y


def _under_own_key(config: DeidConfig, key: Key, images: Sequence[Image]) -> Curve:
    warp = true_warps(config, key, [""])[0]
    ids = [f"own {number}" for number in range(len(images))]
    found = profiles(np.stack(parallel_map(own_deidentifier(config, key), images, ids)))
    shares = np.linspace(0, 1, 501)
    places = centres(config.output_size)
    moved = warp.at(shares)
    return np.array([np.interp(line, places, cumulated(one.mean(0))) for line, one in zip(moved, found, strict=True)])
