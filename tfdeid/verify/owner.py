"""What a dataset's owner expects of each record, who has the source and the key."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfdeid.data.example import Example, digest
from tfdeid.data.naming import class_names
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.image import decode_image, match_channels
from tfdeid.key import Key

_AT_ONCE = 256  # Examples in memory.


@dataclasses.dataclass(frozen=True)
class Owner:
    """What the owner has, and others have not.

    Attributes:
      key: the key.
      dataset: the source, as `SourceConfig.dataset`.
      data_dir: TFDS data directory that it is read from.
      num_images: images of each split that are made again and compared, drawn by the seed; None for all.
      seed: of that draw.
    """

    key: Key
    dataset: str
    data_dir: str | None = None
    num_images: int | None = 200
    seed: int = 0


class ExpectedRecord(NamedTuple):
    """What the owner expects of a record.

    Attributes:
      label: its label, None where the source has none.
      pixels: the digest of its pixels; None where they are not to be compared, and empty where de-identification fails.
      source: the digest of the example that it is made of.
    """

    label: int | None
    pixels: bytes | None
    source: bytes


Expected = Mapping[str, ExpectedRecord]
"""By the record's id."""


def expected_records(owner: Owner, info: Any, facts: Mapping[str, Any]) -> Expected:
    """Returns what the owner expects of every record.

    Args:
      owner: who has key and source.
      info: the dataset's `tfds.core.DatasetInfo`.
      facts: what its metadata says of how it was made.

    Raises:
      DeidError: the key or the source is not that of the dataset.
    """
    if owner.key.fingerprint != facts["key_fingerprint"]:
        raise DeidError(
            f"the key must be that of the dataset, with fingerprint {facts['key_fingerprint']}; the one given has "
            f"{owner.key.fingerprint}."
        )
    config = DeidConfig.of_facts(facts)
    source = _open_source(owner, config, info, facts)
    deidentify = Deidentifier(config, owner.key)
    record_id = source.record_ids(owner.key, config.algorithm_version)
    channels = info.features["image"].shape[-1]

    def expected(split: str, example: Example, is_drawn: bool) -> tuple[str, ExpectedRecord]:
        name = record_id(split, example)
        pixels = _made_again(deidentify, example, channels, name) if is_drawn else None
        label = example.label if source.label_names is not None else None
        return name, ExpectedRecord(label, pixels, digest(example))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        examples = (drawn for split in source.splits for drawn in _drawn(source, split, owner))
        return dict(_map_in_chunks(pool, expected, examples))


def pixel_digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def _made_again(deidentify: Deidentifier, example: Example, channels: int, name: str) -> bytes:
    try:
        image = decode_image(example.image) if isinstance(example.image, bytes) else example.image
        return pixel_digest(deidentify(match_channels(image, channels), name))
    except DeidError:
        return b""  # It failed then too, or the record will be found to differ.


def _open_source(owner: Owner, config: DeidConfig, info: Any, facts: Mapping[str, Any]) -> Source:
    """Returns the part of the source that the dataset is made of."""
    selection = facts.get("source_selection", {})
    features = {name: selection.get(name) for name in ("image_feature", "label_feature")}
    whole = SourceConfig(owner.dataset, owner.data_dir, **features)
    source = open_source(whole)
    version = source.version if config.algorithm_version == 1 else source.stated_version
    if (source.name, version) != (facts["source"], facts["source_version"]):
        raise DeidError(
            f"the source must be {facts['source']} {_version(facts['source_version'])}, of which the dataset is made; it is "
            f"{source.name} {_version(version)}."
        )
    source = open_source(whole.selecting_as(facts, splits=_splits(info, selection)), source.all_label_names, source.outline)
    if config.algorithm_version > 1 and source.label_names is not None:
        _check_classes(class_names(source.label_names), info.features["label"].names)
    return source


def _version(version: str) -> str:
    return f"version {version}" if version else "(of no version)"


def _check_classes(now: Sequence[str], then: Sequence[str]) -> None:
    if list(now) != list(then):
        differing = [f"{old!r} is {new!r} now" for old, new in zip(then, now) if old != new] or [f"there are {len(now)} now"]
        raise DeidError(
            f"the classes of the source must be the {len(then)} that the dataset was made with: {', '.join(differing[:5])}. "
            "Make the dataset again, or give the source as it was."
        )


def _splits(info: Any, selection: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the source's splits that the dataset's are made of; those that `split_sizes` makes of others are not its own."""
    made = {key.partition("=")[0] for key in selection.get("split_sizes", {}) if "=" in key}
    in_source = (info.metadata or {}).get("source_splits", {})
    return tuple(split for split in (in_source.get(split, split) for split in info.splits) if split not in made)


def _drawn(source: Source, split: str, owner: Owner) -> Iterator[tuple[str, Example, bool]]:
    """Yields the split and each of its examples, and whether that is to be compared."""
    size = source.splits[split]
    drawn = np.ones(size, bool)
    if owner.num_images is not None and owner.num_images < size:
        drawn[:] = False
        drawn[np.random.RandomState(owner.seed).choice(size, owner.num_images, replace=False)] = True
    for k, example in enumerate(source.read(split, 0, size)):
        yield split, example, bool(drawn[k])


def _map_in_chunks(pool: concurrent.futures.Executor, function: Callable[..., Any], arguments: Iterator[Any]) -> Iterator[Any]:
    """Maps over some arguments at a time, so that few images are in memory."""
    chunk: list[Any] = []
    for argument in arguments:
        chunk.append(argument)
        if len(chunk) == _AT_ONCE:
            yield from pool.map(lambda given: function(*given), chunk)
            chunk = []
    yield from pool.map(lambda given: function(*given), chunk)
