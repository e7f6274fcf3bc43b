"""Where images come from: a prepared TFDS dataset, class folders or the bundled sample, and which examples are chosen.

TensorFlow is imported when a TFDS dataset is opened, not before.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tfdeid.data.example import Example, RecordIds
from tfdeid.errors import DeidError, unknown_name

if TYPE_CHECKING:
    from tfdeid.key import Key

__all__ = ["Example", "Source", "SourceConfig", "open_source"]


@dataclass(frozen=True)
class SourceConfig:
    """Names a source and chooses among its examples. The order of the source is always kept.

    Attributes:
      dataset: "lfw_subset" (the bundled sample); "folder:PATH" (see `tfdeid.data.folder`); otherwise a TFDS dataset: "name",
        "name/config", "name:version" or "name/config:version".
      data_dir: the TFDS data directory; None for TFDS's own default.
      splits: the splits to read; None for all.
      classes: the classes to keep, by name or by original label. Labels are renumbered in the original order.
      num_classes: instead of `classes`, how many to keep; they are drawn by `class_seed`.
      class_seed: seeds all draws, of classes and of examples. The same seed draws the same, on every machine and version.
      split_sizes: how many examples to draw of a split, as in {"train": 58492, "test": 10412}. A key NEW=OLD makes a split of
        examples of another, as in {"train": 58492, "test=train": 10412}: splits that share examples of one split are disjoint,
        and one of them that has no size gets the rest.
      limit: at most so many examples a split, drawn by `class_seed`, for a quick try; as many of each class as can be, where
        the labels are at hand (not in a TFDS split of more than 1 GB).
      first: at most so many examples a split, the first ones. This is what `limit` was until algorithm version 1.
      image_feature: the feature of a TFDS dataset that holds the image, by name or path (a/b); None for the one that is clear.
      label_feature: likewise the label; "none" for no labels.

    Raises:
      DeidError: a value breaks its rule.
    """

    dataset: str = "lfw_subset"
    data_dir: str | None = None
    splits: tuple[str, ...] | None = None
    classes: tuple[str | int, ...] | None = None
    num_classes: int | None = None
    class_seed: int = 0
    split_sizes: Mapping[str, int] | None = field(default=None, hash=False)
    limit: int | None = None
    first: int | None = None
    image_feature: str | None = None
    label_feature: str | None = None

    def __post_init__(self) -> None:
        _check(isinstance(self.dataset, str), "dataset must be a name", self.dataset)
        for name in ("image_feature", "label_feature"):
            _check(isinstance(getattr(self, name), str | None), f"{name} must be a feature's name", getattr(self, name))
        _check(isinstance(self.data_dir, str | None), "data_dir must be a path", self.data_dir)
        _check(isinstance(self.split_sizes, Mapping | None), "split_sizes must hold `split: count` lines", self.split_sizes)
        for name in ("splits", "classes"):
            value = getattr(self, name)
            if value is not None:  # YAML has lists, and a lone name is easily meant.
                _check(isinstance(value, str | int | Sequence), f"{name} must be a list of names", value)
                object.__setattr__(self, name, (value,) if isinstance(value, (str, int)) else tuple(value))
                words = getattr(self, name)
                # To Python a boolean is a whole number, and so would be a label.
                are_names = all(isinstance(word, str | int) and not isinstance(word, bool) for word in words)
                _check(are_names, f"{name} must be a list of names", value)
                _check(
                    len(set(getattr(self, name))) == len(getattr(self, name)) > 0,
                    f"{name} must be distinct, at least one",
                    value,
                )
        _check(self.dataset not in ("", "folder:"), "dataset must name a dataset", self.dataset)
        _check(self.classes is None or self.num_classes is None, "give classes or num_classes, not both", self.num_classes)
        _check(self.limit is None or self.first is None, "give limit or first, not both", self.first)
        _check(self.class_seed in range(2**32), "class_seed must be in 0..4294967295", self.class_seed)
        counts = {"num_classes": self.num_classes, "limit": self.limit, "first": self.first}
        counts |= {f"split_sizes[{split}]": size for split, size in (self.split_sizes or {}).items()}
        for name, count in counts.items():
            _check(count is None or (type(count) is int and count > 0), f"{name} must be a whole number above 0", count)

    def selection(self, algorithm_version: int) -> dict[str, Any]:
        """Returns what determines which examples a split consists of, {} for all: facts for the dataset's metadata.

        `splits` is not among them: reading more splits does not change the others.

        Args:
          algorithm_version: of the dataset, by which `selecting_as` reads them.
        """
        facts: dict[str, Any] = {"classes": self.classes and list(self.classes), "num_classes": self.num_classes}
        facts["split_sizes"] = self.split_sizes and dict(self.split_sizes)
        if self.num_classes or self.split_sizes or self.limit:
            facts["class_seed"] = self.class_seed
        facts |= {"limit": self.first} if algorithm_version == 1 else {"limit": self.limit, "first": self.first}
        facts |= {"image_feature": self.image_feature, "label_feature": self.label_feature}
        return {name: value for name, value in facts.items() if value is not None}

    def selecting_as(self, facts: Mapping[str, Any], **changes: Any) -> SourceConfig:
        """Returns the same source with the selection that a dataset was made of.

        Args:
          facts: what the dataset's metadata says of how it was made.
          changes: other fields that change.
        """
        selection = dict(facts.get("source_selection", {}))
        if facts.get("algorithm_version", 1) == 1 and "limit" in selection:
            selection["first"] = selection.pop("limit")
        return dataclasses.replace(self, **selection, **changes)


class Store(Protocol):
    """All examples of a source, with their original labels. Internal: `Source` chooses among them."""

    name: str

    @property
    def is_remote(self) -> bool: ...
    @property
    def label_names(self) -> list[str] | None: ...
    @property
    def version(self) -> str: ...
    @property
    def states_version(self) -> bool: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def channels(self) -> int | None: ...
    @property
    def sizes(self) -> Mapping[str, int]: ...

    def labels(self, split: str) -> np.ndarray: ...
    def reads_quickly(self, split: str) -> bool: ...
    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]: ...


Indices = range | np.ndarray


class Source:
    """The chosen examples of a source, in source order. Picklable: a copy has the choice with it and need not choose again.

    Attributes:
      name: the TFDS name (plus `_config`) or the folder's name, in [a-z0-9_].
      splits: split name -> number of examples.
      label_names: the class names by label; None if there are no labels.
    """

    def __init__(self, store: Store, config: SourceConfig):
        self._store = store
        self.name = _plain_name(store.name)
        self._classes = _chosen_classes(store, config)  # original labels, ascending
        self.label_names = [store.label_names[k] for k in self._classes] if store.label_names is not None else None
        self._choice = _chosen_examples(store, config, self._classes)  # split -> (split of the store, positions in it)
        self.splits = {split: len(indices) for split, (_, indices) in self._choice.items()}
        self._notes: list[str] = []
        if config.limit is not None:
            by_class = all(_draws_by_class(store, stored) for stored, _ in self._choice.values())
            sizes = ", ".join(f"{size:,} of {split}" for split, size in self.splits.items())
            how = ", as many of each class as can be" if by_class else ""
            self._notes.append(f"limit {config.limit}: {sizes}, drawn by class_seed {config.class_seed}{how}")

    @property
    def version(self) -> str:
        """The dataset's version; for a folder a hash of its files' names, sizes and first 64 KB."""
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
        return self._store.label_names

    @property
    def notes(self) -> list[str]:
        """What of the source has no place in the output, and how it was chosen from, in sentences."""
        return [*self._store.notes, *self._notes]

    def record_ids(self, key: Key, algorithm_version: int) -> RecordIds:
        """Returns a function from a split and an example of it to the id of its record."""
        return RecordIds(key, self.name, algorithm_version)

    @property
    def num_classes(self) -> int | None:
        return None if self.label_names is None else len(self.label_names)

    @property
    def channels(self) -> int | None:
        """1 if all images are gray, 3 if they are colour or mixed, None if only decoding tells.

        For TFDS it is what the features declare: an image file in a colour dataset may still hold gray. For a folder, files
        are looked at up to the first that is not gray.
        """
        return self._store.channels

    def read(self, split: str, start: int, stop: int) -> Iterator[Example]:
        """Yields the chosen examples [start, stop) of a split.

        Raises:
          DeidError: the split or the range does not exist, or the source can't be read. (Whether an image can be decoded
            shows only when it is decoded.)
        """
        if split not in self._choice:
            raise unknown_name("split", split, self._choice)
        if not 0 <= start <= stop <= self.splits[split]:
            raise DeidError(f"a range of split {split!r} must lie in 0..{self.splits[split]}, got {start}..{stop}")
        stored_split, indices = self._choice[split]
        return self._relabelled(self._store.read(stored_split, indices[start:stop]))

    def _relabelled(self, examples: Iterator[Example]) -> Iterator[Example]:
        if self._store.label_names is None or len(self._classes) == len(self._store.label_names):
            return examples
        new_labels = {old: new for new, old in enumerate(self._classes)}
        return (Example(e.image, new_labels[e.label], e.source_id, e.index) for e in examples if e.label is not None)


def open_source(config: SourceConfig, label_names: Sequence[str] | None = None) -> Source:
    """Opens a source. A worker does so once: choosing classes of a TFDS dataset reads through its splits, without decoding.

    Args:
      config: which source, and what of it.
      label_names: `Source.all_label_names` as somebody found them before; None to find them.

    Raises:
      DeidError: the source is not there or does not have what the config names.
    """
    return Source(_open_store(config, label_names), config)


def is_tfds(dataset: str) -> bool:
    """Tells whether a dataset, as `SourceConfig` takes it, is one of TFDS."""
    return dataset != "lfw_subset" and not dataset.startswith("folder:")


def _open_store(config: SourceConfig, label_names: Sequence[str] | None) -> Store:
    for name in ("image_feature", "label_feature"):
        if getattr(config, name) is not None and not is_tfds(config.dataset):
            raise DeidError(f"{name} is for TFDS datasets, and {config.dataset} has no features. Leave it out.")
    # Imported here, because a worker needs one of them only.
    if config.dataset == "lfw_subset":
        from tfdeid.data.sample import SampleStore

        return SampleStore()
    if config.dataset.startswith("folder:"):
        from tfdeid.data.folder import FolderStore

        return FolderStore(config.dataset.removeprefix("folder:"))
    from tfdeid.data.tfds_store import TfdsStore

    return TfdsStore(config.dataset, config.data_dir, config.image_feature, config.label_feature, label_names)


def _plain_name(name: str) -> str:
    """Returns the name in [a-z0-9_], starting with a letter, as TFDS wants it."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"images_{plain}".rstrip("_")


def _chosen_classes(store: Store, config: SourceConfig) -> list[int]:
    """Returns the original labels of the chosen classes, ascending."""
    names = store.label_names
    if names is None:
        if config.classes is not None or config.num_classes is not None:
            raise DeidError(f"{config.dataset} has no labels, so no classes can be chosen")
        return []
    if config.classes is not None:
        labels = [_label(name, names) for name in config.classes]
        if len(set(labels)) < len(labels):
            raise DeidError(f"classes names a class twice: {', '.join(map(str, config.classes))}")
        return sorted(labels)
    count = len(names) if config.num_classes is None else config.num_classes
    if count > len(names):
        raise DeidError(f"num_classes must be at most the {len(names)} classes of {config.dataset}, got {count}")
    # The classes whose hashes are lowest: independent of the versions of all libraries, and a smaller count draws a subset.
    drawn = sorted(
        range(len(names)),
        key=lambda k: hashlib.sha256(f"{config.class_seed}:{names[k]}".encode("utf-8", "surrogateescape")).digest(),
    )
    return sorted(drawn[:count])


def _label(wanted: str | int, names: list[str]) -> int:
    """Returns the label of a class by its name, or where no class has that name by its number."""
    text = str(wanted)
    if text in names:
        return names.index(text)
    if text.isascii() and text.isdigit() and text == str(int(text)) and int(text) < len(names):
        return int(text)
    raise unknown_name("class", text, names)


def _chosen_examples(store: Store, config: SourceConfig, classes: list[int]) -> dict[str, tuple[str, Indices]]:
    """Returns for each split the stored split that its examples are in, and their positions there, ascending."""
    parts = _parts(store, config)
    chosen: dict[str, tuple[str, Indices]] = {}
    for stored in dict.fromkeys(stored for stored, _ in parts.values()):
        pool: Indices = range(store.sizes[stored])
        if store.label_names is not None and len(classes) < len(store.label_names):
            pool = np.flatnonzero(np.isin(store.labels(stored), classes))
        sizes = {split: size for split, (origin, size) in parts.items() if origin == stored}
        seed = [config.class_seed, _number(stored)]
        dealt = _deal(pool, sizes, seed, f"split {stored!r} of {config.dataset}")
        chosen |= {split: (stored, _limited(store, config, stored, indices)) for split, indices in dealt.items()}
    return {split: chosen[split] for split in parts}


def _limited(store: Store, config: SourceConfig, stored: str, pool: Indices) -> Indices:
    """Returns at most `limit` of some positions, drawn by the seed: from each class in turn, where labels are at hand."""
    if config.limit is None or config.limit >= len(pool):
        return pool[: config.first]
    drawn = np.random.RandomState([config.class_seed, _number(stored), 1]).permutation(len(pool))
    if _draws_by_class(store, stored):
        drawn = drawn[np.argsort(_rounds(store.labels(stored)[np.asarray(pool)[drawn]]), kind="stable")]
    return np.asarray(pool)[np.sort(drawn[: config.limit])]


def _number(split: str) -> int:
    return zlib.crc32(split.encode("utf-8", "surrogateescape"))


def _draws_by_class(store: Store, stored: str) -> bool:
    return store.label_names is not None and store.reads_quickly(stored)


def _rounds(labels: np.ndarray) -> np.ndarray:
    """Returns of each label how often it has occurred before."""
    order = np.argsort(labels, kind="stable")
    firsts = np.flatnonzero(np.diff(labels[order], prepend=labels[order[:1]] - 1))
    rounds = np.empty(len(labels), np.intp)
    rounds[order] = np.arange(len(labels)) - np.repeat(firsts, np.diff(firsts, append=len(labels)))
    return rounds


def _parts(store: Store, config: SourceConfig) -> dict[str, tuple[str, int | None]]:
    """Returns split -> (the stored split its examples come from, how many; None for all that others leave)."""
    parts: dict[str, tuple[str, int | None]] = {split: (split, None) for split in config.splits or store.sizes}
    for key, size in (config.split_sizes or {}).items():
        split, _, origin = key.partition("=")
        if not origin and split not in parts:
            raise unknown_name("split", split, parts)
        if origin and split in parts:
            raise DeidError(f"split_sizes[{key}] makes a split that exists already; the splits are {', '.join(parts)}")
        parts[split] = (origin or split, size)
    for origin, _ in parts.values():
        if origin not in store.sizes:
            raise unknown_name("split", origin, store.sizes)
    return parts


def _deal(pool: Indices, sizes: dict[str, int | None], seed: list[int], what: str) -> dict[str, Indices]:
    """Deals the pool out: splits with a size draw that many, one without gets the rest. Each keeps the pool's order."""
    total = sum(size or 0 for size in sizes.values())
    if not total:
        return dict.fromkeys(sizes, pool)
    if total > len(pool):
        raise DeidError(f"split_sizes asks for {total} examples, and {what} has {len(pool)} in the chosen classes")
    drawn = np.random.RandomState(seed).permutation(len(pool))  # RandomState, because its stream is frozen for good.
    dealt: dict[str, Indices] = {}
    for split, size in sorted(sizes.items(), key=lambda item: item[1] is None):  # the one without a size last
        count = len(drawn) if size is None else size
        dealt[split], drawn = np.asarray(pool)[np.sort(drawn[:count])], drawn[count:]
    return dealt


def _check(holds: bool, rule: str, value: Any) -> None:
    if not holds:
        raise DeidError(f"{rule}, got {value!r}")
