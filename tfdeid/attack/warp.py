"""A monotone warp of each axis, as PosOPE makes it: what attackers estimate, how it is undone, and what it truly is."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image
from tfdeid.deidentifier import DeidConfig
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural import PositionOPE
from tfdeid.schemes.structural.scheme import Structural

Curve = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Warp:
    """Where positions lie after a warp.

    Attributes:
      x: float64[K + 1], rising from 0 to 1: where the share i / K of the width lies, as a share of the width.
      y: the same for the height.
    """

    x: Curve
    y: Curve

    @classmethod
    def identity(cls) -> Warp:
        return cls(np.array([0.0, 1.0]), np.array([0.0, 1.0]))

    def at(self, shares: Curve) -> tuple[Curve, Curve]:
        """Returns where shares of the width and of the height lie."""
        x, y = (np.interp(shares, np.linspace(0, 1, len(curve)), curve) for curve in (self.x, self.y))
        return x, y

    def error(self, true: Warp, config: DeidConfig) -> float:
        """Returns how far it places whole pixels of the input from where they truly lie: mean over both axes, output pixels."""
        shares = np.linspace(0, 1, config.input_size + 1)
        return float(config.output_size * np.mean(np.abs(np.subtract(self.at(shares), true.at(shares)))))

    def undo(self, image: Image) -> Image:
        """Returns uint8[S, S, C], the image as it was before the warp (bilinear)."""
        size = image.shape[0]
        places = [size * line - 0.5 for line in self.at((np.arange(size) + 0.5) / size)]
        (left, right_share), (top, lower_share) = (_between(line, size) for line in places)
        pixels = image.astype(np.float32)
        lower_share = lower_share[:, None, None]
        rows = pixels[top] + lower_share * (pixels[top + 1] - pixels[top])
        columns = rows[:, left]
        columns += right_share[:, None] * (rows[:, left + 1] - columns)
        return np.rint(columns).astype(np.uint8)


def undo_all(warps: Sequence[Warp], images: Image) -> Image:
    """Returns uint8[N, S, S, C], each image as it was before its warp, on all cores."""
    return np.stack(parallel_map(Warp.undo, warps, images))


def warps_positions(config: DeidConfig) -> bool:
    """Returns whether records are warped by tables of positions."""
    return issubclass(config.scheme_class, Structural)


def true_warps(config: DeidConfig, key: Key, ids: Sequence[str]) -> list[Warp]:
    """Returns the warp of each record under a key; the same object where records share it. It is as good as the key."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of what the owner was told when the dataset was made.
        scheme = Structural(config, key)
    opes = [scheme.position_ope(image_id) for image_id in ids]
    warps = {ope: _warp_of(ope, config) for ope in dict.fromkeys(opes)}
    return [warps[ope] for ope in opes]


def _warp_of(ope: PositionOPE, config: DeidConfig) -> Warp:
    # The numbers that are encrypted, and none between: there the table is a staircase, which nothing could undo.
    places = np.arange(config.input_size * 10**config.coordinate_decimals + 1) / 10**config.coordinate_decimals
    width, height = ope.canvas_size(config.input_size, config.input_size)
    return Warp(ope.encrypt_x(places) / width, ope.encrypt_y(places) / height)


def _between(places: Curve, size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Returns the pixel before each place, and how far the place is towards the next."""
    first = np.clip(np.floor(places), 0, size - 2).astype(np.intp)
    return first, np.clip(places - first, 0, 1).astype(np.float32)
