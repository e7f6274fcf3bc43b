"""Pairs that an attacker makes itself: the scheme is public, so public images are de-identified under keys of its own."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.attack.edges import own_key
from tfdeid.attack.linkage import keyless, reduced
from tfdeid.attack.view import Image, View
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes import VECTOR_SCHEMES

# Networks see images at this size.
SIZE = 64
# A key's table takes a while to make, and a network that has seen this many warps knows how they are.
_NUM_KEYS = 100
_CHUNK = 500
# Slivers of an image of 224 are up to 7 pixels wide.
_OPENING = 1 / 32

_kept: dict[str, OwnPairs] = {}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class OwnPairs:
    """Public images and what became of them, all small.

    Attributes:
      records: uint8[P, 64, 64, 2 C], as `seen` gives them.
      traced: uint8[P, 64, 64, C], what all of the scheme that needs no key makes of the public images.
      originals: uint8[P, 64, 64, C].
    """

    records: Image
    traced: Image
    originals: Image


def own_pairs(view: View, num_keys: int = _NUM_KEYS) -> OwnPairs:
    """Returns pairs under the attacker's own keys, which are those of the view's seed; the last ones made are kept."""
    digest = hashlib.sha256(f"{view.config} {view.seed} {num_keys}".encode())
    for image in view.public:
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
    if config.scheme not in VECTOR_SCHEMES:
        return np.tile(reduce_all(list(records)), (1, 1, 1, 2))

    def one(record: Image) -> Image:
        return np.concatenate([reduced(record, SIZE), reduced(_open(record), SIZE)], axis=2)

    return np.stack(parallel_map(one, list(records)))


def reduce_all(images: Sequence[Image]) -> Image:
    """Returns uint8[N, 64, 64, C]."""
    return np.stack(parallel_map(lambda image: reduced(image, SIZE), list(images)))


def _made(view: View, num_keys: int) -> OwnPairs:
    config, public = view.config, view.public
    # Images of a folder may come class by class; keys must not.
    order = np.random.RandomState(view.seed).permutation(len(public))
    of_key = np.array_split(order, min(num_keys, len(public)))
    records = np.empty((len(public), SIZE, SIZE, 2 * public[0].shape[2]), np.uint8)
    for number, chosen in enumerate(of_key):
        deidentify = _deidentifier(config, own_key(view.seed, number))
        made = parallel_map(deidentify, [public[k] for k in chosen], [f"own {k}" for k in chosen])
        records[chosen] = seen(np.stack(made), config)
    parts = [public[start : start + _CHUNK] for start in range(0, len(public), _CHUNK)]
    return OwnPairs(
        records=records,
        traced=np.concatenate([reduce_all(list(keyless(config, part))) for part in parts]),
        originals=reduce_all(public),
    )


def _deidentifier(config: DeidConfig, key: Key) -> Deidentifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A canvas is too small for the paper's advice; the owner was told.
        return Deidentifier(config, key)


def _open(image: Image) -> Image:
    """Returns a grey opening by a square, which leaves no bright sliver (faster than scipy's on bytes)."""
    reach = max(1, round(_OPENING * image.shape[0])) // 2
    for function in (np.minimum, np.maximum):
        for axis in (0, 1):
            image = _running(function, image, reach, axis)
    return image


def _running(function: np.ufunc, image: Image, reach: int, axis: int) -> Image:
    """Returns the least or the largest of each pixel and those that are at most `reach` from it along an axis."""
    length = image.shape[axis]
    wide = np.pad(image, [(reach, reach) if k == axis else (0, 0) for k in range(3)], mode="edge")
    places = [
        tuple(slice(shift, shift + length) if k == axis else slice(None) for k in range(3)) for shift in range(2 * reach + 1)
    ]
    found: npt.NDArray[np.uint8] = wide[places[0]]
    for place in places[1:]:
        found = function(found, wide[place])
    return found
