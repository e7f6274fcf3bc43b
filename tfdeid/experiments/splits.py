"""Which splits of a source are trained and tested on; where there is but one, a part of it is held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.errors import DeidError

_TRAIN = ("train", "training")
# In the order in which they are taken.
_TEST = ("test", "validation", "valid", "val", "dev", "testing", "eval")
# Of what is held out: the share of the images, and how many at most.
_SHARE, _MOST = 0.2, 10_000
_LEAST = 10


@dataclasses.dataclass(frozen=True)
class Splits:
    """Names of the splits to train on and to test on; attackers have images of the first, and attack those of the second."""

    train: str
    test: str


def choose_splits(sizes: Mapping[str, int], dataset: str) -> Splits:
    """Returns which splits are trained and tested on.

    Args:
      sizes: examples of each split.
      dataset: as it was given.

    Raises:
      DeidError: there is but one.
    """
    names = [split for split, size in sizes.items() if size]
    train = next((split for split in _TRAIN if split in names), max(names, key=lambda split: sizes[split]))
    others = [split for split in names if split != train]
    if not others:
        raise DeidError(f"a split to train on and another to test on are needed, {dataset} has {', '.join(names)} alone.")
    return Splits(train, next((split for split in _TEST if split in others), others[0]))


def held_out(config: SourceConfig) -> SourceConfig:
    """Returns a source with a split to train on and one to test on, and no others.

    Where there is but one split, or labels in one alone, a fifth of its images, at most 10,000, is held out: drawn by
    `class_seed`, and called `test`.

    Args:
      config: the source as a whole.

    Raises:
      DeidError: it is not there, or has too few images.
    """
    source = open_source(config)
    known = [split for split, size in source.splits.items() if size and _has_labels(source, split)]
    if len(known) > 1:
        splits = choose_splits({split: source.splits[split] for split in known}, config.dataset)
        chosen = {splits.train, splits.test}
        return config if chosen == set(source.splits) else dataclasses.replace(config, splits=_ordered(source, chosen))
    train = known[0] if known else max(source.splits, key=lambda split: source.splits[split])
    size = source.splits[train]
    if size < 2 * _LEAST:
        raise DeidError(f"{config.dataset} must have at least {2 * _LEAST} images to compare methods on, it has {size}.")
    number = min(_MOST, max(_LEAST, round(_SHARE * size)))
    test = "test" if train != "test" else "held_out"
    return dataclasses.replace(config, splits=(train,), split_sizes={f"{test}={train}": number})


def _ordered(source: Source, chosen: set[str]) -> tuple[str, ...]:
    return tuple(split for split in source.splits if split in chosen)


def _has_labels(source: Source, split: str) -> bool:
    """Tells whether a split's first example has a label, where the source has any: TFDS marks unknown ones by -1."""
    if source.label_names is None:
        return True
    example = next(iter(source.read(split, 0, 1)))
    return example.label is not None and example.label >= 0
