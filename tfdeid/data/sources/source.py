"""The chosen examples of a source, in its order and with the labels of the chosen classes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING

from tfdeid.data.example import RecordIds
from tfdeid.data.sources.base import Example, Store
from tfdeid.data.sources.choosing import chosen_classes, chosen_examples, draws_by_class
from tfdeid.data.sources.config import SourceConfig
from tfdeid.data.sources.registry import SOURCES, store_class
from tfdeid.errors import DeidError, unknown_name
from tfdeid.plugins import Plugin

if TYPE_CHECKING:
    from tfdeid.key import Key


class Source:
    """The chosen examples of a source, in source order. Picklable: a copy has the choice with it and need not choose again.

    Attributes:
      name: the TFDS name (plus `_config`) or the folder's name, in [a-z0-9_].
      splits: split name -> number of examples.
      label_names: the class names by label; None if there are no labels.
    """

    def __init__(self, store: Store, config: SourceConfig):
        self._store = store
        self.name = _plain_name(store.source_name)
        self._classes = chosen_classes(store, config)  # original labels, ascending
        self.label_names = [store.label_names[k] for k in self._classes] if store.label_names is not None else None
        self._choice = chosen_examples(store, config, self._classes)  # split -> (split of the store, positions in it)
        self.splits = {split: len(indices) for split, (_, indices) in self._choice.items()}
        self._notes: list[str] = []
        if config.limit is not None:
            by_class = all(draws_by_class(store, stored) for stored, _ in self._choice.values())
            sizes = ", ".join(f"{size:,} of {split}" for split, size in self.splits.items())
            how = ", as many of each class as can be" if by_class else ""
            self._notes.append(f"limit {config.limit}: {sizes}, drawn by class_seed {config.class_seed}{how}")

    @property
    def version(self) -> str:
        """The dataset's version; for a folder or files a hash of their names, sizes and, in a folder, first 64 KB."""
        return self._store.version

    @property
    def stated_version(self) -> str:
        """The version that the source itself states; "" where it states none, as a folder."""
        return self._store.version if self._store.states_version else ""

    @property
    def is_remote(self) -> bool:
        return self._store.is_remote

    @property
    def all_label_names(self) -> list[str] | None:
        """The names of all classes that there are, chosen or not."""
        return None if self._store.label_names is None else list(self._store.label_names)

    @property
    def outline(self) -> Hashable:
        """What `open_source` takes, so that it need not be found again; None for nothing."""
        return self._store.outline

    @property
    def notes(self) -> list[str]:
        """What of the source has no place in the output, and how it was chosen from, in sentences."""
        return [*self._store.notes, *self._notes]

    @property
    def warnings(self) -> list[str]:
        """The notes, if they tell of images that may be missing: for commands that only look at some images."""
        return self.notes if self._store.notes_warn else []

    @property
    def plugin(self) -> Plugin | None:
        """Whose the store is; None for ours."""
        return SOURCES.plugin(self._store.name)

    def record_ids(self, key: Key, algorithm_version: int) -> RecordIds:
        """Returns a function from a split and an example of it to the id of its record."""
        return RecordIds(key, self.name, algorithm_version)

    @property
    def num_classes(self) -> int | None:
        return None if self.label_names is None else len(self.label_names)

    @property
    def channels(self) -> int | None:
        """1 if all images are gray, 3 if they are colour or mixed, None if only decoding tells.

        For TFDS it is what the features declare: an image file in a colour dataset may still hold gray. For other sources,
        images are looked at up to the first that is not gray.
        """
        return self._store.channels

    def read(self, split: str, start: int, stop: int) -> Iterator[Example]:
        """Yields the chosen examples [start, stop) of a split.

        Raises:
          DeidError: the split or the range does not exist, or the source can't be read. (Whether an image can be decoded
            shows only when it is decoded.)
        """
        if not 0 <= start <= stop <= self._size(split):
            raise DeidError(f"a range of split {split!r} must lie in 0..{self.splits[split]}, got {start}..{stop}")
        stored_split, indices = self._choice[split]
        return self._relabelled(self._store.read(stored_split, indices[start:stop]))

    def read_at(self, split: str, places: Sequence[int]) -> Iterator[Example]:
        """Yields the chosen examples at some places of a split, which ascend.

        Raises:
          DeidError: the split or a place does not exist, or the source can't be read.
        """
        size = self._size(split)
        if any(not 0 <= place < size for place in places):
            raise DeidError(f"places in split {split!r} must lie in 0..{size - 1}, got {min(places)}..{max(places)}")
        stored_split, indices = self._choice[split]
        return self._relabelled(self._store.read(stored_split, [int(indices[place]) for place in places]))

    @property
    def value_features(self) -> list[str]:
        """The features that `values` can be asked for; none of them enters a dataset unless it is the label."""
        return list(self._store.value_features)

    def values(self, split: str, feature: str) -> list[str]:
        """Returns what a feature says of the chosen examples of a split, in their order; "" where it says nothing.

        Args:
          split: one of `splits`.
          feature: one of `value_features`.

        Raises:
          DeidError: the split or the feature is not there, or the source can't be read.
        """
        self._size(split)
        if not self.value_features:
            raise DeidError(f"feature {feature!r} was asked for, and {self.name} has no features that say what examples are.")
        if feature not in self.value_features:
            raise unknown_name("feature", feature, self.value_features)
        stored_split, indices = self._choice[split]
        values = self._store.values(stored_split, feature)
        return [values[index] for index in map(int, indices)]

    def _size(self, split: str) -> int:
        if split not in self.splits:
            raise unknown_name("split", split, self.splits)
        return self.splits[split]

    def _relabelled(self, examples: Iterator[Example]) -> Iterator[Example]:
        if self._store.label_names is None or len(self._classes) == len(self._store.label_names):
            return self._checked(examples)
        new_labels = {old: new for new, old in enumerate(self._classes)}
        return (Example(e.image, new_labels[e.label], e.source_id, e.index) for e in examples if e.label is not None)

    def _checked(self, examples: Iterator[Example]) -> Iterator[Example]:
        """Yields examples as they are; raises DeidError for a label that is none of a class."""
        count = self.num_classes
        for example in examples:
            if example.label is not None and count is not None and not -1 <= example.label < count:
                raise DeidError(
                    f"a label of {self.name} must be in [0, {count - 1}], or -1 where it is not known; "
                    f"example {example.index}, id {example.source_id!r}, has {example.label}."
                )
            yield example


def open_source(config: SourceConfig, label_names: Sequence[str] | None = None, outline: Hashable = None) -> Source:
    """Opens a source. A worker does so once: choosing classes of a TFDS dataset reads through its splits, without decoding.

    Args:
      config: which source, and what of it.
      label_names: `Source.all_label_names`, where they are known already; None to find them.
      outline: `Source.outline`, where it is known already; None to find it.

    Raises:
      DeidError: the source is not there or does not have what the config names.
    """
    store, rest = store_class(config.dataset)
    for name in ("image_feature", "label_feature"):
        if getattr(config, name) is not None and not store.has_features:
            with_features = "TFDS datasets, wds: and parquet:"
            raise DeidError(f"{name} is for {with_features}, and {config.dataset} has no features. Leave it out.")
    opened = store.open(rest, config, label_names)
    if outline is not None:
        opened.take_outline(outline)
    if not any(opened.sizes.values()):
        raise DeidError(f"{config.dataset} has no images.")
    return Source(opened, config)


def _plain_name(name: str) -> str:
    """Returns the name in [a-z0-9_], starting with a letter, as TFDS wants it."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"images_{plain}".rstrip("_")
