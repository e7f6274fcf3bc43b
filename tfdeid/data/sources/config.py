"""How a source is named, and how examples are chosen from it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfdeid.errors import DeidError

# No name, or the name of a store that lacks its argument: folder:
_NO_NAME = re.compile(r"(\w+:)?")


@dataclass(frozen=True)
class SourceConfig:
    """Names a source and chooses among its examples. The order of the source is always kept.

    Attributes:
      dataset: "lfw_subset" (the bundled sample); "folder:PATH", "wds:PATTERN" or "parquet:PATTERN" (their stores say which
        files these are); the name of another store in `SOURCES`, or "NAME:ARGUMENT"; otherwise a TFDS dataset: "name",
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
      image_feature: the feature that holds the image, by name or path (a/b), of a source that has features; None for the one
        that is clear. In WebDataset it is the ending of a member.
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
                object.__setattr__(self, name, _names(name, value))
        _check(not _NO_NAME.fullmatch(self.dataset), "dataset must name a dataset", self.dataset)
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


def _names(field_name: str, value: Any) -> tuple[str | int, ...]:
    """Returns what a field holds as a tuple of names; raises DeidError where it is none."""
    rule = f"{field_name} must be a list of names"
    _check(isinstance(value, str | int | Sequence), rule, value)
    names = (value,) if isinstance(value, str | int) else tuple(value)
    # To Python a boolean is a whole number, and so would be a label.
    _check(all(isinstance(name, str | int) and not isinstance(name, bool) for name in names), rule, value)
    _check(len(set(names)) == len(names) > 0, f"{field_name} must be distinct, at least one", value)
    return names


def _check(holds: bool, rule: str, value: Any) -> None:
    if not holds:
        raise DeidError(f"{rule}, got {value!r}")
