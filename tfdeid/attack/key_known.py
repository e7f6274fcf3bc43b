"""Has the key: undoes the warp exactly, or the rivals' masks. What it does not get back, tracing and painting have dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfdeid.attack.unstretch import unstretch
from tfdeid.attack.view import KEY, Image, Recovery, View
from tfdeid.attack.warp import Warp
from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural import PositionOPE

# Shares of the side at which a warp is given: a multiple of this many tenths of a pixel at input size 50.
_KNOTS = 500


class KeyKnown:
    """The inverse warp, on cleaned records."""

    name, knows, num_pairs = "key_known", KEY, 0
    about = "undoes the warp, or the mask, with the key"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme in ("structural", "negative_positive", "block_shuffle")

    def __call__(self, view: View) -> Recovery:
        assert view.key is not None
        if view.config.scheme != "structural":
            return Recovery(_decrypt(view, view.key))
        warps = true_warps(view.config, view.key, view.ids)
        images = parallel_map(lambda warp, image: warp.undo(image), warps, view.cleaned)
        return Recovery(np.stack(images), warps)


def true_warps(config: DeidConfig, key: Key, ids: Sequence[str]) -> list[Warp]:
    """Returns the warp of each record under a key; the same object where records share it. It is as good as the key."""
    ope = PositionOPE(key, config.coordinate_decimals)
    places = np.linspace(0, config.input_size, _KNOTS + 1)
    curve = ope.encrypt(places) / ope.canvas(config.input_size)
    return [Warp(curve, curve)] * len(ids)


def _decrypt(view: View, key: Key) -> Image:
    """Undoes the stretching and a rival's mask."""
    from tfdeid.schemes.block_shuffle import BlockShuffle
    from tfdeid.schemes.negative_positive import NegativePositive

    config = view.config
    scheme = NegativePositive(config, key) if config.scheme == "negative_positive" else BlockShuffle(config, key)

    def one(encrypted: Image, image_id: str) -> Image:
        return resize(scheme.decrypt(encrypted, image_id), config.output_size)

    return np.stack(parallel_map(one, unstretch(view.records, config.input_size), view.ids))
