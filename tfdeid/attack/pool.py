"""Images of a source with what a feature says of each, for attacks that ask something else than what an image looked like."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from tfdeid.attack.base import Image
from tfdeid.attack.case import Target, open_target, originals_of
from tfdeid.data.draw import attempting, name_of, pixels, read_examples, tell_damaged
from tfdeid.data.sources import Source
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError, unknown_name, warn
from tfdeid.image import match_channels
from tfdeid.key import Key
from tfdeid.parallel import parallel_map

_Place = tuple[str, int]
"""A split of the source and a place in it."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Images as they came, in the source's order. `Deidentifier(config, key)(image, id)` gives the record of each.

    Attributes:
      images: uint8[H, W, C] each, of any sizes.
      ids: the ids of their records.
      values: what the feature says of each, never "".
      feature: the feature's name.
    """

    images: Sequence[Image]
    ids: Sequence[str]
    values: Sequence[str]
    feature: str

    def taking(self, numbers: Iterable[int]) -> Pool:
        """Returns some of the images, in the order given."""
        chosen = [int(number) for number in numbers]
        return Pool(
            [self.images[number] for number in chosen],
            [self.ids[number] for number in chosen],
            [self.values[number] for number in chosen],
            self.feature,
        )

    def shared_out(self, first: int, seed: int) -> tuple[Pool, Pool]:
        """Returns some images, drawn by the seed, and all others: those that are attacked, and those of attackers."""
        order = np.random.RandomState(seed).permutation(len(self.images))
        return self.taking(order[:first]), self.taking(order[first:])


def open_pool(
    source: Source,
    feature: str,
    key: Key | None,
    config: DeidConfig,
    num_images: int,
    seed: int,
    splits: Sequence[str] | None = None,
    whole_groups: bool = False,
    least: int = 1,
) -> Pool:
    """Draws images of a source of which a feature says something. Those that can't be decoded are left out, with a warning.

    Args:
      source: the originals, chosen as the dataset's were.
      feature: one of the source's `value_features`.
      key: the owner's, of which ids are made; None where there is none, and ids are names of places.
      config: what is done to them.
      num_images: at most so many are drawn.
      seed: of the draw.
      splits: splits of the source to draw from; None for all.
      whole_groups: draw all images of a value or none, values in an order drawn by the seed.
      least: with `whole_groups`, values that fewer images have are passed over.

    Raises:
      DeidError: the source, the split or the feature is not there, or nothing can be drawn.
    """
    for note in source.warnings:
        warn(note)
    for split in splits or ():
        if split not in source.splits:
            raise unknown_name("split", split, source.splits)
    values = {
        (split, number): value
        for split in splits or source.splits
        for number, value in enumerate(source.values(split, feature))
        if value
    }
    drawn = _groups(values, num_images, seed, least) if whole_groups else _drawn(list(values), num_images, seed)
    if not drawn:
        many = f"at least {least} and at most {num_images:,} images of one value of" if whole_groups else "an image with"
        raise DeidError(f"{source.name} must have {many} {feature!r}, it has none. Choose another feature.")
    return _read(source, drawn, values, feature, key, config)


def pool_of(
    target: Target, feature: str, key: Key | None, whole_groups: bool = False, least: int = 1
) -> tuple[Pool, DeidConfig]:
    """Draws images that a dataset was made of, of all its splits; `target.num_images` at most.

    Args:
      target: the dataset, and its originals.
      feature: one of the originals' `value_features`.
      key: the owner's.
      whole_groups, least: as for `open_pool`.

    Returns:
      The pool, and what was done to make the dataset.

    Raises:
      DeidError: as `open_pool`, or the dataset is not there or not this key's.
    """
    source, config, key, _ = made_of(target, key)
    return open_pool(source, feature, key, config, target.num_images, target.seed, None, whole_groups, least), config


def made_of(target: Target, key: Key | None) -> tuple[Source, DeidConfig, Key, str]:
    """Returns the originals of a dataset, chosen as they were, what was done to them, its key, and the split that is attacked.

    Raises:
      DeidError: the dataset is not there, not made by this tool or of these originals, or not this key's.
    """
    _, facts, config, key, split = open_target(target, key)
    source, origin = originals_of(target, facts, split)
    return source, config, key, origin


def _drawn(places: Sequence[_Place], num_images: int, seed: int) -> list[_Place]:
    """Returns at most so many places, in their order."""
    order = np.random.RandomState(seed).permutation(len(places))[:num_images]
    return [places[number] for number in sorted(order)]


def _groups(values: dict[_Place, str], num_images: int, seed: int, least: int) -> list[_Place]:
    """Returns the places of some values, all of each, in their order."""
    groups: dict[str, list[_Place]] = {}
    for place, value in values.items():
        groups.setdefault(value, []).append(place)
    names = sorted(groups)
    taken: set[str] = set()
    left = num_images
    for number in np.random.RandomState(seed).permutation(len(names)):
        if least <= len(groups[names[number]]) <= left:
            taken.add(names[number])
            left -= len(groups[names[number]])
    return [place for place, value in values.items() if value in taken]


def _read(
    source: Source, places: Sequence[_Place], values: dict[_Place, str], feature: str, key: Key | None, config: DeidConfig
) -> Pool:
    record_id = source.record_ids(key, config.algorithm_version) if key is not None else None
    images: list[Image] = []
    ids: list[str] = []
    said: list[str] = []
    damaged: list[str] = []
    for split in dict.fromkeys(split for split, _ in places):
        numbers = [number for of, number in places if of == split]
        examples = read_examples(source, split, numbers)
        for number, example, image in zip(numbers, examples, parallel_map(attempting(pixels), examples), strict=True):
            if isinstance(image, DeidError):
                damaged.append(f"{name_of(split, example)}: {image}")
                continue
            images.append(image)
            ids.append(record_id(split, example) if record_id else f"{split} {example.index}")
            said.append(values[split, number])
    if not images:
        raise DeidError(f"none of {len(damaged):,} images of {source.name} can be decoded. {damaged[0]}")
    tell_damaged(damaged, source.name)
    channels = source.channels or max(image.shape[2] for image in images)
    return Pool([match_channels(image, channels) for image in images], ids, said, feature)
