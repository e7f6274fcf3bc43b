"""Has the key: undoes the warp exactly, or the rivals' masks. What it does not get back, tracing and painting have dropped."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tfdeid.attack.unstretch import unstretch
from tfdeid.attack.view import KEY, Image, Recovery, View
from tfdeid.attack.warp import Warp, undo_all
from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural import PositionOPE
from tfdeid.schemes.structural.bend import Bend
from tfdeid.schemes.structural.scheme import Structural


class KeyKnown:
    """The inverse warp, on cleaned records."""

    name, knows, num_pairs = "key_known", KEY, 0
    about = "undoes the warp and the bend, or the mask, with the key"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme in ("structural", "negative_positive", "block_shuffle")

    def __call__(self, view: View) -> Recovery:
        assert view.key is not None
        if view.config.scheme != "structural":
            return Recovery(_decrypt(view, view.key))
        warps = true_warps(view.config, view.key, view.ids)
        if not view.config.bend:
            return Recovery(undo_all(warps, view.cleaned), warps)
        bend, labels = Bend(view.key), [view.config.image_label(one) for one in view.ids]
        return Recovery(np.stack(parallel_map(lambda *of: _unbend(bend, *of), warps, view.cleaned, labels)), warps)


def true_warps(config: DeidConfig, key: Key, ids: Sequence[str]) -> list[Warp]:
    """Returns the warp of each record under a key; the same object where records share it. It is as good as the key."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of what the owner was told when the dataset was made.
        scheme = Structural(config, key)
    opes = [scheme.position_ope(image_id) for image_id in ids]
    found = {ope: _warp(ope, config) for ope in dict.fromkeys(opes)}
    return [found[ope] for ope in opes]


def _warp(ope: PositionOPE, config: DeidConfig) -> Warp:
    # The numbers that are encrypted, and none between: there the table is a staircase, which nothing could undo.
    places = np.arange(config.input_size * 10**config.coordinate_decimals + 1) / 10**config.coordinate_decimals
    width, height = ope.canvas_size(config.input_size, config.input_size)
    return Warp(ope.encrypt_x(places) / width, ope.encrypt_y(places) / height)


def _unbend(bend: Bend, warp: Warp, image: Image, image_id: str) -> Image:
    """Returns uint8[S, S, C], the image before its warp and, before that, its bend: each pixel from where both have put it."""
    size = len(image)
    centres = (np.indices((size, size)).reshape(2, -1)[::-1].T + 0.5) / size
    bent = bend.move(centres, image_id)
    places = [size * warp.at(bent[:, axis])[axis] - 0.5 for axis in (1, 0)]
    planes = [ndimage.map_coordinates(plane, places, order=1, mode="nearest") for plane in np.moveaxis(image, 2, 0)]
    return np.stack(planes, axis=-1).reshape(image.shape)


def _decrypt(view: View, key: Key) -> Image:
    """Undoes the stretching and a rival's mask."""
    from tfdeid.schemes.block_shuffle import BlockShuffle
    from tfdeid.schemes.negative_positive import NegativePositive

    config = view.config
    scheme = NegativePositive(config, key) if config.scheme == "negative_positive" else BlockShuffle(config, key)

    def one(encrypted: Image, image_id: str) -> Image:
        return resize(scheme.decrypt(encrypted, image_id), config.output_size)

    return np.stack(parallel_map(one, unstretch(view.records, config.input_size), view.ids))
