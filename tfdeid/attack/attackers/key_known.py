"""Has the key: undoes exactly all that it made. What stays away, tracing and painting have dropped."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tfdeid.attack.base import Attacker, Image, Knowledge, Recovery, View
from tfdeid.attack.features import features_of
from tfdeid.attack.unstretch import unstretch
from tfdeid.attack.warp import Warp, true_warps, undo_all, warps_positions
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural.bend import Bend


class KeyKnown(Attacker):
    """What a scheme itself decrypts; where it paints paths, the inverse warp, on cleaned records."""

    name = "key_known"
    about = "undoes the warp and the bend, or the mask, with the key"
    knows = Knowledge.KEY

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme_class.decrypts or warps_positions(config)

    def __call__(self, view: View) -> Recovery:
        assert view.key is not None
        if view.config.scheme_class.decrypts:
            return Recovery(_decrypt(view, view.key))
        if not warps_positions(view.config):
            raise DeidError(f"what the scheme {view.config.scheme!r} does can't be undone, not even with the key.")
        warps, cleaned = true_warps(view.config, view.key, view.ids), features_of(view).cleaned
        if not view.config.bend:
            return Recovery(undo_all(warps, cleaned), warps)
        bend, labels = Bend(view.key), [view.config.image_label(image_id) for image_id in view.ids]
        return Recovery(np.stack(parallel_map(lambda *of: _unbend(bend, *of), warps, cleaned, labels)), warps)


def _decrypt(view: View, key: Key) -> Image:
    """Undoes the stretching, and what the scheme did before it."""
    config = view.config
    scheme = config.scheme_class(config, key)

    def decrypted(encrypted: Image, image_id: str) -> Image:
        return resize(scheme.decrypt(encrypted, image_id), config.output_size)

    return np.stack(parallel_map(decrypted, unstretch(view.records, config.input_size), view.ids))


def _unbend(bend: Bend, warp: Warp, image: Image, label: str) -> Image:
    """Returns uint8[S, S, C], the image before its elastic deformation and its warp: each pixel from where both put it."""
    size = len(image)
    centres = (np.indices((size, size)).reshape(2, -1)[::-1].T + 0.5) / size
    bent = bend.move(centres, label)
    places = [size * warp.at(bent[:, axis])[axis] - 0.5 for axis in (1, 0)]
    planes = [ndimage.map_coordinates(plane, places, order=1, mode="nearest") for plane in np.moveaxis(image, 2, 0)]
    return np.stack(planes, axis=-1).reshape(image.shape)
