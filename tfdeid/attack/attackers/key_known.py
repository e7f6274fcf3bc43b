"""Has the key: undoes the warp exactly, or the baselines' masks. What stays away, tracing and painting have dropped."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tfdeid.attack.base import Attacker, Image, Knowledge, Recovery, View
from tfdeid.attack.features import features_of
from tfdeid.attack.unstretch import unstretch
from tfdeid.attack.warp import Warp, true_warps, undo_all
from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural.bend import Bend


class KeyKnown(Attacker):
    """The inverse warp, on cleaned records."""

    name = "key_known"
    about = "undoes the warp and the bend, or the mask, with the key"
    knows = Knowledge.KEY

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme in ("structural", "negative_positive", "block_shuffle")

    def __call__(self, view: View) -> Recovery:
        assert view.key is not None
        if view.config.scheme != "structural":
            return Recovery(_decrypt(view, view.key))
        warps, cleaned = true_warps(view.config, view.key, view.ids), features_of(view).cleaned
        if not view.config.bend:
            return Recovery(undo_all(warps, cleaned), warps)
        bend, labels = Bend(view.key), [view.config.image_label(image_id) for image_id in view.ids]
        return Recovery(np.stack(parallel_map(lambda *of: _unbend(bend, *of), warps, cleaned, labels)), warps)


def _unbend(bend: Bend, warp: Warp, image: Image, image_id: str) -> Image:
    """Returns uint8[S, S, C], the image before its warp and, before that, its bend: each pixel from where both have put it."""
    size = len(image)
    centres = (np.indices((size, size)).reshape(2, -1)[::-1].T + 0.5) / size
    bent = bend.move(centres, image_id)
    places = [size * warp.at(bent[:, axis])[axis] - 0.5 for axis in (1, 0)]
    planes = [ndimage.map_coordinates(plane, places, order=1, mode="nearest") for plane in np.moveaxis(image, 2, 0)]
    return np.stack(planes, axis=-1).reshape(image.shape)


def _decrypt(view: View, key: Key) -> Image:
    """Undoes the stretching and a baseline's mask."""
    from tfdeid.schemes.block_shuffle import BlockShuffle
    from tfdeid.schemes.negative_positive import NegativePositive

    config = view.config
    scheme = NegativePositive(config, key) if config.scheme == "negative_positive" else BlockShuffle(config, key)

    def one(encrypted: Image, image_id: str) -> Image:
        return resize(scheme.decrypt(encrypted, image_id), config.output_size)

    return np.stack(parallel_map(one, unstretch(view.records, config.input_size), view.ids))
