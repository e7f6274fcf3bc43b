"""Has the owner de-identify images of its choice: an edge at each place in turn reads the table off."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.base import Attacker, Image, Knowledge, Recovery, View
from tfdeid.attack.features import features_of
from tfdeid.attack.warp import Curve, Warp, undo_all, warps_positions
from tfdeid.deidentifier import DeidConfig

# Two colours that no sliver has.
_LIGHT, _DARK = np.array([200, 30, 30]), np.array([30, 30, 200])


class ChosenPlaintext(Attacker):
    """Two colours that meet at a whole pixel: the share that the first one fills of the result is the table's entry."""

    name = "chosen_plaintext"
    knows = Knowledge.ORACLE
    about = "has two-coloured images de-identified, one for each place of the edge between, and reads the table off"

    def suits(self, config: DeidConfig) -> bool:
        # Where images differ in their warps, what an id gave away says nothing of the others.
        return warps_positions(config) and config.key_scope == "dataset" and not config.bend

    def __call__(self, view: View) -> Recovery:
        x = self._read(view, upright=True)
        y = x if view.config.axes == "shared" else self._read(view, upright=False)
        warps = [Warp(x, y)] * len(view.records)
        asked = (view.config.input_size - 1) * (1 if x is y else 2)
        return Recovery(undo_all(warps, features_of(view).cleaned), warps, f"{asked} chosen images")

    def _read(self, view: View, upright: bool) -> Curve:
        assert view.oracle is not None
        size, channels = view.config.input_size, view.records.shape[-1]
        read = [0.0]
        for place in range(1, size):
            image = _edge(size, place, channels)
            record = view.oracle(image if upright else np.ascontiguousarray(image.swapaxes(0, 1)))
            read.append(_share(record if upright else record.swapaxes(0, 1)))
        shares = np.array([*read, 1.0])
        # Keyed colours may make one of two.
        seen = np.flatnonzero(~np.isnan(shares))
        # Painting rounds, so that two entries that lie close may seem to change places.
        return np.maximum.accumulate(np.interp(np.arange(size + 1), seen, shares[seen]))


def _edge(size: int, place: int, channels: int) -> Image:
    """Returns uint8[N, N, C] of one colour left of a place and of another right of it; the larger part is the darker one.

    Keyed colours tell two such parts apart, but do not if the darker one has less than about a quarter of the pixels.
    """
    left, right = (_DARK, _LIGHT) if 2 * place >= size else (_LIGHT, _DARK)
    colors = np.where(np.arange(size)[:, None] < place, left, right)[:, :channels]
    return np.ascontiguousarray(np.broadcast_to(colors, (size, size, channels)), np.uint8)


def _share(record: Image) -> float:
    """Returns how much of a record has the colour of its left side, and not of its right; NaN if both have the same one."""
    left, right = (np.median(record[:, column].astype(np.float64), axis=0) for column in (1, -2))
    axis = left - right
    if not axis.any():
        return np.nan
    # The edge between may be blended.
    return float(np.clip((record - right) @ axis / (axis @ axis), 0, 1).mean())
