"""Has the owner de-identify images of its choice: an edge at each place in turn reads the table off."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.view import ORACLE, Image, Recovery, View
from tfdeid.attack.warp import Curve, Warp, undo_all
from tfdeid.deidentifier import DeidConfig

# Two colours that no sliver has.
_BEFORE, _AFTER = np.array([200, 30, 30]), np.array([30, 30, 200])


class ChosenPlaintext:
    """Two colours that meet at a whole pixel: the share that the first one fills of the result is the table's entry."""

    name, knows, num_pairs = "chosen_plaintext", ORACLE, 0
    about = "has two-coloured images de-identified, one for each place of the edge between, and reads the table off"

    def suits(self, config: DeidConfig) -> bool:
        # Where images differ in their warps, what an id gave away says nothing of the others.
        return config.scheme == "structural" and not config.needs_ids

    def __call__(self, view: View) -> Recovery:
        x = self._read(view, upright=True)
        y = x if view.config.axes == "shared" else self._read(view, upright=False)
        warp = Warp(x, y)
        asked = (view.config.input_size - 1) * (1 if x is y else 2)
        return Recovery(undo_all(warp, view.cleaned), [warp] * len(view.records), f"{asked} chosen images")

    def _read(self, view: View, upright: bool) -> Curve:
        assert view.oracle is not None
        size, channels = view.config.input_size, view.records.shape[-1]
        shares = [_share(view.oracle(_edge(size, place, channels, upright))) for place in range(1, size)]
        # Painting rounds, so that two entries that lie close may seem to change places.
        return np.maximum.accumulate([0.0, *shares, 1.0])


def _edge(size: int, place: int, channels: int, upright: bool) -> Image:
    """Returns uint8[N, N, C] of one colour before a place and of another after it."""
    colors = np.where(np.arange(size)[:, None] < place, _BEFORE, _AFTER)[:, :channels]
    image = np.broadcast_to(colors[None, :] if upright else colors[:, None], (size, size, channels))
    return np.ascontiguousarray(image, np.uint8)


def _share(record: Image) -> float:
    """Returns how much of a record has the first colour; its edge may be blended."""
    first, second = _BEFORE[: record.shape[2]], _AFTER[: record.shape[2]]
    axis = first - second
    part = (record.astype(np.float64) - second) @ axis / (axis @ axis)
    return float(np.clip(part, 0, 1).mean())
