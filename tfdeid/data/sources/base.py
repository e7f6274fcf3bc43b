"""What a source of images has to tell: the class to derive from for a source of one's own.

Another distribution names its class in the entry-point group `tfdeid.sources`, and commands then take it as `--dataset`:

    class Disks(Store):
        name, argument = "disks", "COUNT"  # --dataset disks:100

        @property
        def sizes(self):
            return {"train": int(self.rest)}

        def read(self, split, indices):
            for index in map(int, indices):
                yield Example(draw_disk(index), None, f"{index}", index)
"""

from __future__ import annotations

import abc
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tfdeid.data.example import Example
from tfdeid.errors import DeidError

if TYPE_CHECKING:
    from tfdeid.data.sources.config import SourceConfig

# All that a file with a source needs.
__all__ = ["DeidError", "Example", "Store"]


class Store(abc.ABC):
    """All examples of a source in a fixed order, with their original labels; which of them are used is chosen outside.

    The same reference must give the same examples on every machine. A store travels to worker processes, so it can be pickled.
    Of the properties, class attributes will do.

    Attributes:
      name: what the store is asked for by: `name:ARGUMENT`, or `name` alone.
      argument: what follows the colon, as help texts write it: "PATH"; "" for a store that is its name alone.
      has_features: `image_feature` and `label_feature` of `SourceConfig` choose among features of it.
      notes_warn: its notes tell of images that may be missing, so commands that only look at some images show them too.
      states_version: the version is the source's own word, not worked out of its content.

    Args:
      rest: what follows the colon of the reference; "" for none.
    """

    name: ClassVar[str] = ""
    argument: ClassVar[str] = ""
    has_features: ClassVar[bool] = False
    notes_warn: ClassVar[bool] = False
    states_version: ClassVar[bool] = True

    def __init__(self, rest: str = "") -> None:
        self.rest = rest

    @classmethod
    def open(cls, rest: str, config: SourceConfig, label_names: Sequence[str] | None) -> Store:
        """Opens the source that a configuration names; only for a store that needs more than its argument.

        Args:
          rest: what follows the colon.
          config: has the data directory and the features that are asked for.
          label_names: the names of all classes, where they are known already.
        """
        return cls(rest)

    @classmethod
    def absolute(cls, rest: str, data_dir: str | None = None) -> str:
        """Returns the argument as it is written from every folder: to be overridden where it is a path.

        Args:
          rest: what follows the colon.
          data_dir: where a name is looked for before it is taken for a path.
        """
        return rest

    @property
    def source_name(self) -> str:
        """The source's name, of which the dataset's is made and which is part of every record's id."""
        return f"{self.name}_{self.rest}" if self.rest else self.name

    @property
    def version(self) -> str:
        """The source's version; "" for none."""
        return ""

    @property
    def label_names(self) -> Sequence[str] | None:
        """The class names by label; None for no labels."""
        return None

    @property
    def channels(self) -> int | None:
        """1 if all images are gray, 3 if they are colour or mixed, None if only decoding tells."""
        return None

    @property
    def is_remote(self) -> bool:
        """Whether images are read over the network."""
        return False

    @property
    def notes(self) -> Sequence[str]:
        """What of the source has no place in the output, in sentences."""
        return []

    @property
    def outline(self) -> Hashable:
        """What it took long to find and workers need not find again, small and to be pickled; None for nothing."""
        return None

    def take_outline(self, outline: Hashable) -> None:  # noqa: B027 - most stores have none.
        """Takes the `outline` of the same source, opened elsewhere, for what it would find itself.

        Raises:
          DeidError: it is that of another source, or of one that has changed.
        """

    @property
    @abc.abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Split name -> number of examples."""

    @abc.abstractmethod
    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        """Yields the examples at some positions of a split, which ascend. What lies between them should cost little."""

    def labels(self, split: str) -> np.ndarray:
        """Returns the label of every example of a split, int[N]. Asked for only where there are labels.

        By default by reading the split through: to be overridden where labels are at hand without the images.
        """
        examples = self.read(split, range(self.sizes[split]))
        return np.fromiter((-1 if example.label is None else example.label for example in examples), np.int64)

    @property
    def value_features(self) -> Sequence[str]:
        """What `values` can be asked for: names of features that say something of each example, as who is in the picture."""
        return []

    def values(self, split: str, feature: str) -> Sequence[str]:
        """Returns what a feature says of every example of a split, as text; "" where it says nothing. Decodes no image.

        Args:
          split: one of the store's.
          feature: one of `value_features`.
        """
        raise DeidError(f"{self.source_name} has no feature {feature!r}.")

    def reads_quickly(self, split: str) -> bool:
        """Tells whether `labels` takes seconds at most: then a `limit` takes as many examples of each class as can be."""
        return False
