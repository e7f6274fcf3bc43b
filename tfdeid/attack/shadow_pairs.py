"""Shadow pairs, which an attacker makes itself: the scheme is public, so public images go through it under keys of its own."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from tfdeid.attack.base import Image, View
from tfdeid.attack.cleaning import opened
from tfdeid.attack.comparing import keyless, reduced
from tfdeid.attack.shadow_keys import shadow_deidentifier, shadow_key
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map

# Networks see images at this size.
SIZE = 64
# A key's table takes a while to make, and a network that has seen this many warps knows how they are.
_NUM_KEYS = 100
_CHUNK = 500

_kept: dict[str, ShadowPairs] = {}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ShadowPairs:
    """Public images and what became of them, all small.

    Attributes:
      records: uint8[P, 64, 64, 2 C], as `seen` gives them.
      traced: uint8[P, 64, 64, C], what all of the scheme that needs no key makes of the public images.
      originals: uint8[P, 64, 64, C], the public images as they came.
    """

    records: Image
    traced: Image
    originals: Image


def shadow_pairs(view: View, num_keys: int = _NUM_KEYS) -> ShadowPairs:
    """Returns pairs under the attacker's own keys, which are those of the view's seed; the last ones made are kept."""
    digest = hashlib.sha256(f"{view.config} {view.seed} {num_keys}".encode())
    for image in (*view.public, *view.public_sources):
        digest.update(image.tobytes())
    if digest.hexdigest() not in _kept:
        _kept.clear()
        _kept[digest.hexdigest()] = _made(view, num_keys)
    return _kept[digest.hexdigest()]


def seen(records: Image, config: DeidConfig) -> Image:
    """Returns what networks see of records: uint8[N, 64, 64, 2 C], the second C without slivers.

    Args:
      records: uint8[N, S, S, C].
      config: what was done.
    """
    if not config.scheme_class.traces:
        return np.tile(reduce_all(list(records)), (1, 1, 1, 2))

    def with_opened(record: Image) -> Image:
        return np.concatenate([reduced(record, SIZE), reduced(opened(record), SIZE)], axis=2)

    return np.stack(parallel_map(with_opened, list(records)))


def reduce_all(images: Sequence[Image]) -> Image:
    """Returns uint8[N, 64, 64, C]."""
    return np.stack(parallel_map(lambda image: reduced(image, SIZE), list(images)))


def _made(view: View, num_keys: int) -> ShadowPairs:
    config, public = view.config, view.public
    # Images of a folder may come class by class; keys must not.
    order = np.random.RandomState(view.seed).permutation(len(public))
    of_key = np.array_split(order, min(num_keys, len(public)))
    records = np.empty((len(public), SIZE, SIZE, 2 * public[0].shape[2]), np.uint8)
    for number, chosen in enumerate(of_key):
        deidentify = shadow_deidentifier(config, shadow_key(view.seed, number))
        made = parallel_map(deidentify, [public[k] for k in chosen], [f"own {k}" for k in chosen])
        records[chosen] = seen(np.stack(made), config)
    parts = [public[start : start + _CHUNK] for start in range(0, len(public), _CHUNK)]
    return ShadowPairs(
        records=records,
        traced=np.concatenate([reduce_all(list(keyless(config, part))) for part in parts]),
        originals=reduce_all(view.public_sources),
    )
