"""What is attacked: records with their originals, which the owner's key brings together, and public images for attackers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from etils import epath

from tfdeid.attack.evaluate import NUM_PAIRS, Case
from tfdeid.attack.view import Image, View
from tfdeid.data.example import Example, RecordIds
from tfdeid.data.load import open_builder
from tfdeid.data.metadata import read_facts
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, unknown_name
from tfdeid.image import decode_image, match_channels
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.schemes import KEYLESS_SCHEMES

_LEAST = 20


@dataclasses.dataclass(frozen=True)
class Target:
    """What to attack.

    Attributes:
      dataset: a de-identified dataset, as for `tfdeid.load`.
      data_dir: TFDS data directory that holds it; None for TFDS's own.
      originals: what it was made of, as `SourceConfig.dataset`.
      originals_data_dir: TFDS data directory that the originals are read from.
      split: the split that is attacked; None for test, or the first one where there is no such.
      num_images: records to attack, at most all.
      num_public: public images for the attackers, at most all: other splits of the originals, or else what is left of this one.
      seed: of the draws, and of all that attackers draw.
    """

    dataset: str
    originals: str
    data_dir: str | None = None
    originals_data_dir: str | None = None
    split: str | None = None
    num_images: int = 2000
    num_public: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_images", "num_public"):
            if getattr(self, name) < _LEAST:
                raise DeidError(f"{name} must be at least {_LEAST}, {name} was {getattr(self, name)}.")
        # What NumPy takes, and one more: the seed of the public images is the next.
        if not 0 <= self.seed < 2**32 - 1:
            raise DeidError(f"seed must be in [0, 2**32 - 2], seed was {self.seed}.")


def open_case(target: Target, key: Key | None) -> Case:
    """Draws records of a dataset and finds their originals, by the ids that only the key links to them.

    Raises:
      DeidError: the dataset, the originals, the split or enough images are not there, or the key is not that of the dataset.
    """
    builder = open_builder(target.dataset, target.data_dir)
    facts = read_facts(epath.Path(builder.data_dir))
    if "deid" not in facts:
        raise DeidError(f"{target.dataset} was not made by this tool: its metadata says nothing of a scheme.")
    config = DeidConfig.of_facts(facts)
    if config.scheme in KEYLESS_SCHEMES:
        raise DeidError(f"{target.dataset} is not encrypted (scheme {config.scheme}), so there is nothing to attack.")
    if key is None or key.fingerprint != facts["key_fingerprint"]:
        raise DeidError(
            f"records are linked to their originals by the owner's key, with fingerprint {facts['key_fingerprint']}; the one "
            f"given has {key.fingerprint if key else 'none'}. Give --key. Only the attacker key_known gets it."
        )
    split = _split(target, builder.info.splits)
    published = open_source(SourceConfig(dataset=target.dataset, data_dir=target.data_dir))
    source = open_source(SourceConfig(target.originals, target.originals_data_dir).selecting_as(facts))
    if source.name != facts["source"]:
        raise DeidError(f"{target.dataset} was made of {facts['source']}; the originals given are {source.name}.")
    if split not in source.splits:
        raise DeidError(f"{target.originals} has no split {split}: give the originals that the dataset was made of.")
    drawn = list(_drawn(published, split, target.num_images + NUM_PAIRS, target.seed))
    channels = builder.info.features["image"].shape[-1]
    record_id = source.record_ids(key, config.algorithm_version)
    originals = _originals(source, split, {example.source_id for example in drawn}, config, record_id, channels)
    missing = [example for example in drawn if example.source_id not in originals]
    if missing:
        raise DeidError(
            f"{len(missing):,} of {len(drawn):,} records are of no example of {target.originals}, split {split}: give the "
            "originals that the dataset was made of."
        )
    # Where a dataset is small, the attack needs the records more than known plaintext needs all its pairs.
    num_pairs = min(NUM_PAIRS, len(drawn) // 10)
    known, drawn = drawn[:num_pairs], drawn[num_pairs:]
    public = list(_public(source, split, set(originals), target, record_id))
    if len(public) < _LEAST:
        raise DeidError(
            f"attackers need at least {_LEAST} public images, and {target.originals} leaves {len(public)} beside the "
            f"{len(originals):,} that are attacked. Lower num_images."
        )
    labels = [example.label or 0 for example in drawn] if source.label_names is not None else []
    view = View(
        records=np.stack(parallel_map(_pixels, drawn)),
        ids=[example.source_id for example in drawn],
        config=config,
        public=_prepared(public, config, channels),
        public_labels=[example.label or 0 for example in public] if labels else [],
        seed=target.seed,
    )
    about = {
        "dataset": builder.info.full_name,
        "originals": target.originals,
        "split": split,
        "deid": config.to_dict(),
        "key_fingerprint": key.fingerprint,
        "seed": target.seed,
    }
    pairs = [(originals[example.source_id], _pixels(example)) for example in known]
    return Case(view, [originals[one] for one in view.ids], labels, pairs, key, about)


def make_case(
    images: Sequence[Image],
    labels: Sequence[int],
    public: Sequence[Image],
    public_labels: Sequence[int],
    config: DeidConfig,
    key: Key | None,
    seed: int = 0,
    about: dict[str, Any] | None = None,
) -> Case:
    """De-identifies images and makes a case of them; the last few are the known pairs.

    Args:
      images: uint8[H, W, C] each, the originals.
      labels: the class of each; empty for none.
      public: images of the same kind that are not among them.
      public_labels: the class of each; empty for none.
      config: what is done.
      key: the owner's key.
      seed: of all that attackers draw.
      about: facts for the report.
    """
    deidentify = Deidentifier(config, key)
    originals = parallel_map(deidentify.prepare, images)
    ids = [f"{number:032x}" for number in range(len(images))]
    records = parallel_map(deidentify, originals, ids)
    count = len(images) - min(NUM_PAIRS, len(images) // 10)
    view = View(
        records=np.stack(records[:count]),
        ids=ids[:count],
        config=config,
        public=parallel_map(deidentify.prepare, public),
        public_labels=public_labels,
        seed=seed,
    )
    pairs = list(zip(originals[count:], records[count:], strict=True))
    return Case(view, originals[:count], labels[:count], pairs, key, {"deid": config.to_dict(), "seed": seed, **(about or {})})


def _split(target: Target, splits: Iterable[str]) -> str:
    names = list(splits)
    if target.split is None:
        return "test" if "test" in names else names[0]
    if target.split not in names:
        raise unknown_name("split", target.split, names)
    return target.split


def _drawn(source: Source, split: str, count: int, seed: int) -> Iterator[Example]:
    """Yields some examples of a split, in an order drawn by the seed."""
    size = source.splits[split]
    numbers = np.random.RandomState(seed).permutation(size)[:count]
    place = {int(number): k for k, number in enumerate(numbers)}
    found: list[Example | None] = [None] * len(numbers)
    for number, example in enumerate(source.read(split, 0, size)):
        if number in place:
            found[place[number]] = example
    yield from (example for example in found if example is not None)


def _originals(
    source: Source, split: str, wanted: set[str], config: DeidConfig, record_id: RecordIds, channels: int
) -> dict[str, Image]:
    """Returns the prepared originals of the wanted ids."""
    named = ((record_id(split, example), example) for example in source.read(split, 0, source.splits[split]))
    found = {name: example for name, example in named if name in wanted}
    return dict(zip(found, _prepared(list(found.values()), config, channels), strict=True))


def _public(source: Source, split: str, taken: set[str], target: Target, record_id: RecordIds) -> Iterator[Example]:
    """Yields examples that are no original of a record that is attacked, from other splits where there are any."""
    others = [name for name in source.splits if name != split] or [split]
    share = -(-target.num_public // len(others))
    for other in others:
        for example in _drawn(source, other, share + len(taken) * (other == split), target.seed + 1):
            if other != split or record_id(split, example) not in taken:
                yield example


def _prepared(examples: Sequence[Example], config: DeidConfig, channels: int) -> list[Image]:
    """Returns uint8[N, N, C] of each, N the input size: what de-identification begins with."""
    prepare = Deidentifier(config.with_scheme("plain")).prepare
    return parallel_map(lambda example: prepare(match_channels(_pixels(example), channels)), examples)


def _pixels(example: Example) -> Image:
    return decode_image(example.image) if isinstance(example.image, bytes) else example.image
