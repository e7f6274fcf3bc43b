"""Sets people and images apart: attackers' training, gallery and probes."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from tfdeid.attack.identity.options import IdentityOptions
from tfdeid.attack.pool import Pool
from tfdeid.errors import DeidError

# Fewer people say nothing: chance is half.
_LEAST_PEOPLE = 5


@dataclasses.dataclass(frozen=True)
class Division:
    """Numbers of images in a pool, all of them disjoint.

    Attributes:
      training: images of people whom attackers train on.
      training_people: intp[N], whose each of these is, from 0.
      gallery: plain images that attackers have of those they look for.
      gallery_people: whose each is, another count from 0.
      probes: images whose records attackers look at.
      probe_people: whose each is, as for the gallery.
      names: the values of those who are looked for, by their number. The order is drawn: a number says nothing of a name.
    """

    training: npt.NDArray[np.intp]
    training_people: npt.NDArray[np.intp]
    gallery: npt.NDArray[np.intp]
    gallery_people: npt.NDArray[np.intp]
    probes: npt.NDArray[np.intp]
    probe_people: npt.NDArray[np.intp]
    names: list[str]


def divide(pool: Pool, options: IdentityOptions, seed: int) -> Division:
    """Draws people for attackers' training, and a gallery of each of the others.

    Who has too few images to be looked for is left to the attackers, if there are two images at least.

    Raises:
      DeidError: people have too few images, or there are too few of them.
    """
    values = np.asarray(pool.values)
    names = sorted(set(pool.values))
    random = np.random.RandomState(seed)
    images = {name: random.permutation(np.flatnonzero(values == name)) for name in names}
    enough = [name for name in names if len(images[name]) > options.gallery_images]
    enough = [enough[number] for number in random.permutation(len(enough))]
    count = round(options.attacker_people * len(enough))
    sought = enough[count:]
    others = [name for name in names if name not in set(sought) and len(images[name]) > 1]
    if len(sought) < _LEAST_PEOPLE or len(others) < _LEAST_PEOPLE:
        raise DeidError(
            f"re-identification needs {_LEAST_PEOPLE} people at least to look for, with more than gallery_images "
            f"{options.gallery_images} images each, and {_LEAST_PEOPLE} others, with two; of {len(names):,} values of "
            f"{pool.feature!r}, {len(enough):,} have that many, which attacker_people {options.attacker_people} makes "
            f"{len(sought):,} and {len(others):,}. Give more images, or lower gallery_images."
        )
    first = {name: images[name][: options.gallery_images] for name in sought}
    rest = {name: images[name][options.gallery_images :] for name in sought}
    return Division(*_flat(others, images), *_flat(sought, first), *_flat(sought, rest), sought)


def _flat(names: list[str], images: dict[str, npt.NDArray[np.intp]]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns all images of some people, and whose each is."""
    people = np.repeat(np.arange(len(names)), [len(images[name]) for name in names])
    return np.concatenate([images[name] for name in names]), people
