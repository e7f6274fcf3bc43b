"""What is attacked: records with their originals, which the owner's key brings together, and public images for attackers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from etils import epath

from tfdeid.attack.base import MAX_PAIRS, Image, Pair, View
from tfdeid.data.draw import Draw, Drawn, attempting, name_of, pixels, tell_damaged
from tfdeid.data.example import Example, RecordIds
from tfdeid.data.load import open_builder
from tfdeid.data.metadata import read_facts
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, unknown_name, warn
from tfdeid.image import match_channels
from tfdeid.key import Key
from tfdeid.parallel import parallel_map
from tfdeid.reference import SOURCE, Original, Preparing, check_reference

_LEAST = 20


@dataclasses.dataclass(frozen=True)
class Case:
    """What is attacked, and the truth about it.

    Attributes:
      view: what every attacker has.
      originals: uint8[N, N, C] each, N the input size, in the order of the view's records: as the scheme takes them.
      sources: uint8[H, W, C] each, the same as they came; see `tfdeid.reference.Original`. At S x S, records and what attackers
        make of them are compared with these.
      reference: what these are: the source images, or the originals themselves; one of `tfdeid.reference`.
      labels: the class of each, -1 where it is not known; empty where no label is.
      pairs: known originals and records that are not in the view.
      key: the owner's; None for schemes that encrypt nothing.
      about: facts for the report, nothing secret.
    """

    view: View
    originals: Sequence[Image]
    sources: Sequence[Image]
    reference: str
    labels: Sequence[int]
    pairs: Sequence[Pair]
    key: Key | None
    about: dict[str, Any]


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
      reference: what records are compared with; one of `tfdeid.reference`.
    """

    dataset: str
    originals: str
    data_dir: str | None = None
    originals_data_dir: str | None = None
    split: str | None = None
    num_images: int = 2000
    num_public: int = 10_000
    seed: int = 0
    reference: str = SOURCE

    def __post_init__(self) -> None:
        check_reference(self.reference)
        for name in ("num_images", "num_public"):
            if getattr(self, name) < _LEAST:
                raise DeidError(f"{name} must be at least {_LEAST}, {name} was {getattr(self, name)}.")
        # What NumPy takes, and one more: the seed of the public images is the next.
        if not 0 <= self.seed < 2**32 - 1:
            raise DeidError(f"seed must be in [0, 2**32 - 2], seed was {self.seed}.")


def open_target(target: Target, key: Key | None) -> tuple[Any, dict[str, Any], DeidConfig, Key, str]:
    """Returns a dataset's TFDS builder, its metadata, what was done to make it, its key, and the split that is attacked.

    Raises:
      DeidError: the dataset or the split is not there, not made by this tool, or not this key's.
    """
    builder = open_builder(target.dataset, target.data_dir, (target.originals, target.originals_data_dir))
    facts = read_facts(epath.Path(builder.data_dir))
    if "deid" not in facts:
        raise DeidError(f"{target.dataset} was not made by this tool: its metadata says nothing of a scheme.")
    config = DeidConfig.of_facts(facts)
    key = checked_key(target, key, config, facts)
    return builder, facts, config, key, split_of(target, builder.info.splits)


def open_case(target: Target, key: Key | None) -> Case:
    """Draws records of a dataset and finds their originals, by the ids that only the key links to them.

    Raises:
      DeidError: the dataset, the originals, the split or enough images are not there, or the key is not that of the dataset.
    """
    builder, facts, config, key, split = open_target(target, key)
    published = open_source(SourceConfig(dataset=target.dataset, data_dir=target.data_dir))
    source, origin = originals_of(target, facts, split)
    shape = builder.info.features["image"].shape
    prepare = _preparing(config, shape[-1], target.reference)
    record_id = source.record_ids(key, config.algorithm_version)
    pairs, taken = _linked(target, Draw(published, split, target.seed, _decoding(shape)), source, origin, record_id, prepare)
    # Where a dataset is small, the attack needs the records more than known plaintext needs all its pairs.
    num_pairs = min(MAX_PAIRS, len(pairs) // 10)
    known, attacked = pairs[:num_pairs], pairs[num_pairs : num_pairs + target.num_images]
    public = _public(source, origin, taken, target, prepare)
    if len(public) < _LEAST:
        raise DeidError(
            f"attackers need at least {_LEAST} public images, and {target.originals} leaves {len(public)} beside the "
            f"{len(taken):,} that are attacked. Lower num_images."
        )
    labels = _labels(pair.record.example for pair in attacked) if source.label_names is not None else []
    view = View(
        records=np.stack([pair.record.image for pair in attacked]),
        ids=[pair.record.example.source_id for pair in attacked],
        config=config,
        public=[drawn.image.prepared for drawn in public],
        public_sources=[drawn.image.source for drawn in public],
        public_labels=_labels(drawn.example for drawn in public) if labels else [],
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
    return Case(
        view=view,
        originals=[pair.original.prepared for pair in attacked],
        sources=[pair.original.source for pair in attacked],
        reference=target.reference,
        labels=labels,
        pairs=[(pair.original.prepared, pair.record.image) for pair in known],
        key=key,
        about=about,
    )


def make_case(
    images: Sequence[Image],
    labels: Sequence[int],
    public: Sequence[Image],
    public_labels: Sequence[int],
    config: DeidConfig,
    key: Key | None,
    seed: int = 0,
    about: dict[str, Any] | None = None,
    reference: str = SOURCE,
) -> Case:
    """De-identifies images and makes a case of them; the last few are the known pairs.

    Args:
      images: uint8[H, W, C] each, the originals as they came.
      labels: the class of each; empty for none.
      public: images of the same kind that are not among them.
      public_labels: the class of each; empty for none.
      config: what is done.
      key: the owner's key.
      seed: of all that attackers draw.
      about: facts for the report.
      reference: what records are compared with; one of `tfdeid.reference`.

    Raises:
      DeidError: an image can't be de-identified, or there is no such reference.
    """
    deidentify, prepare = Deidentifier(config, key), Preparing(config, reference)
    made, others = parallel_map(prepare, images), parallel_map(prepare, public)
    originals, sources = [original.prepared for original in made], [original.source for original in made]
    ids = [f"{number:032x}" for number in range(len(images))]
    records = parallel_map(deidentify, originals, ids)
    count = len(images) - min(MAX_PAIRS, len(images) // 10)
    view = View(
        records=np.stack(records[:count]),
        ids=ids[:count],
        config=config,
        public=[original.prepared for original in others],
        public_sources=[original.source for original in others],
        public_labels=public_labels,
        seed=seed,
    )
    return Case(
        view=view,
        originals=originals[:count],
        sources=sources[:count],
        reference=reference,
        labels=labels[:count],
        pairs=list(zip(originals[count:], records[count:], strict=True)),
        key=key,
        about={"deid": config.to_dict(), "seed": seed, **(about or {})},
    )


def checked_key(target: Target, key: Key | None, config: DeidConfig, facts: dict[str, Any]) -> Key:
    """Returns the key of a dataset; raises DeidError if it is another one, or if there is nothing to attack."""
    if not config.scheme_class.hides:
        raise DeidError(f"{target.dataset} hides nothing (scheme {config.scheme}), so there is nothing to attack.")
    if key is None or key.fingerprint != facts["key_fingerprint"]:
        raise DeidError(
            "whose record is whose tells the owner's key alone, which their ids are made with: that with fingerprint "
            f"{facts['key_fingerprint']}; {'the one given has ' + key.fingerprint if key else 'none was given'}. Give --key. "
            + ("Only the attacker key_known gets it." if config.scheme_class.needs_key else "No attacker gets it.")
        )
    return key


def split_of(target: Target, splits: Iterable[str]) -> str:
    """Returns the split that is attacked."""
    names = list(splits)
    if target.split is None:
        return "test" if "test" in names else names[0]
    if target.split not in names:
        raise unknown_name("split", target.split, names)
    return target.split


def originals_of(target: Target, facts: dict[str, Any], split: str) -> tuple[Source, str]:
    """Returns the originals of a dataset, chosen as they were, and the split of them that one of its splits is made of.

    Raises:
      DeidError: it was made of something else.
    """
    source = open_source(SourceConfig(target.originals, target.originals_data_dir).selecting_as(facts))
    for note in source.warnings:
        warn(note)
    if source.name != facts["source"]:
        raise DeidError(f"{target.dataset} was made of {facts['source']}; the originals given are {source.name}.")
    origin = facts.get("source_splits", {}).get(split, split)
    if origin not in source.splits:
        raise DeidError(f"{target.originals} has no split {origin}: give the originals that the dataset was made of.")
    return source, origin


@dataclasses.dataclass(frozen=True)
class _Linked:
    """A record, and the original that the key links it to."""

    record: Drawn[Image]
    original: Original


def _linked(
    target: Target,
    draw: Draw[Image],
    source: Source,
    split: str,
    record_id: RecordIds,
    prepare: Callable[[Example], Original],
) -> tuple[list[_Linked], set[int]]:
    """Draws records and finds their originals; where either is damaged, the next record is taken.

    Returns:
      Records with their originals, in the order of the draw, and the places of these originals in the source's split.
    """
    linked: list[_Linked] = []
    taken: set[int] = set()
    damaged: list[str] = []
    while drawn := draw.take(target.num_images + MAX_PAIRS - len(linked)):
        originals = _originals(source, split, {record.example.source_id for record in drawn}, record_id)
        absent = sum(record.example.source_id not in originals for record in drawn)
        if absent:
            raise DeidError(
                f"{absent:,} of {len(drawn):,} records are of no example of {target.originals}, split {split}: give the "
                "originals that the dataset was made of."
            )
        taken |= {number for number, _ in originals.values()}
        examples = [originals[record.example.source_id][1] for record in drawn]
        for record, example, original in zip(drawn, examples, parallel_map(attempting(prepare), examples), strict=True):
            if isinstance(original, DeidError):
                damaged.append(f"{name_of(split, example)}: {original}")
            else:
                linked.append(_Linked(record, original))
    if not linked:
        reason = next(iter([*draw.damaged, *damaged]), "It has none at all.")
        raise DeidError(f"no record of {target.dataset}, split {split!r}, has an image and an original to decode. {reason}")
    tell_damaged(draw.damaged, target.dataset)
    tell_damaged(damaged, target.originals)
    return linked, taken


def _originals(source: Source, split: str, wanted: set[str], record_id: RecordIds) -> dict[str, tuple[int, Example]]:
    """Returns the originals of the wanted ids, with their places in the split."""
    examples = enumerate(source.read(split, 0, source.splits[split]))
    named = ((record_id(split, example), number, example) for number, example in examples)
    return {name: (number, example) for name, number, example in named if name in wanted}


def _public(
    source: Source, split: str, taken: set[int], target: Target, prepare: Callable[[Example], Original]
) -> list[Drawn[Original]]:
    """Returns images that are no original of a record that is attacked, from other splits where there are any.

    Splits give equal shares, and what one does not have is drawn from the others.
    """
    others = [name for name in source.splits if name != split] or [split]
    draws = [Draw(source, name, target.seed + 1, prepare, without=taken if name == split else ()) for name in others]
    public: list[Drawn[Original]] = []
    while (missing := target.num_public - len(public)) and (giving := [draw for draw in draws if draw.left]):
        share, more = divmod(missing, len(giving))
        for number, draw in enumerate(giving):
            public += draw.take(share + (number < more))
    tell_damaged([name for draw in draws for name in draw.damaged], target.originals)
    return public


def _decoding(shape: tuple[int, ...]) -> Callable[[Example], Image]:
    """Returns what makes uint8[S, S, C] of a record, S and C being those of its dataset."""

    def decode(example: Example) -> Image:
        image = pixels(example)
        if image.shape != shape:
            raise DeidError(f"a record's image must be of shape {list(shape)}, it is of {list(image.shape)}.")
        return image

    return decode


def _labels(examples: Iterable[Example]) -> list[int]:
    """Returns the class of each, -1 where it is not known."""
    return [-1 if example.label is None else example.label for example in examples]


def _preparing(config: DeidConfig, channels: int, reference: str) -> Callable[[Example], Original]:
    """Returns what makes an original of an example, with as many channels as the dataset has."""
    prepare = Preparing(config, reference)
    return lambda example: prepare(match_channels(pixels(example), channels))
