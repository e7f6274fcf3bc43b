"""Which examples of a store a configuration chooses: classes, then splits of given sizes, then a limit."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np

from tfdeid.data.sources.base import Store
from tfdeid.data.sources.config import SourceConfig
from tfdeid.errors import DeidError, unknown_name

Indices = range | np.ndarray


def chosen_classes(store: Store, config: SourceConfig) -> list[int]:
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


def _label(wanted: str | int, names: Sequence[str]) -> int:
    """Returns the label of a class by its name, or where no class has that name by its number."""
    text = str(wanted)
    if text in names:
        return names.index(text)
    if text.isascii() and text.isdigit() and text == str(int(text)) and int(text) < len(names):
        return int(text)
    raise unknown_name("class", text, names)


def chosen_examples(store: Store, config: SourceConfig, classes: list[int]) -> dict[str, tuple[str, Indices]]:
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
    if draws_by_class(store, stored):
        drawn = drawn[np.argsort(_rounds(store.labels(stored)[np.asarray(pool)[drawn]]), kind="stable")]
    return np.asarray(pool)[np.sort(drawn[: config.limit])]


def _number(split: str) -> int:
    return zlib.crc32(split.encode("utf-8", "surrogateescape"))


def draws_by_class(store: Store, stored: str) -> bool:
    """Tells whether a limit takes as many of each class as can be: where the labels of the stored split are at hand."""
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
    for split, size in sorted(sizes.items(), key=lambda item: item[1] is None):  # What has no size comes last.
        count = len(drawn) if size is None else size
        dealt[split], drawn = np.asarray(pool)[np.sort(drawn[:count])], drawn[count:]
    return dealt
