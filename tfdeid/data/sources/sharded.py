"""What sources of several files have in common, each of which holds many examples: which of them is where, and labels."""

from __future__ import annotations

import abc
import concurrent.futures
import dataclasses
import functools
import io
import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm import tqdm

from tfdeid import image
from tfdeid.commandline import absolute
from tfdeid.data.label_choice import BOOLEANS, CLASS, INTEGER, TEXT, check_few
from tfdeid.data.sources.base import Example, Store
from tfdeid.data.sources.files import AT_ONCE, by_split, common_name, matching_files, names_and_sizes
from tfdeid.errors import DeidError, ImageError
from tfdeid.files import is_remote

if TYPE_CHECKING:
    from tfdeid.data.sources.config import SourceConfig

_Self = TypeVar("_Self", bound="ShardedStore")
_Found = TypeVar("_Found")


@dataclasses.dataclass(frozen=True)
class Outline:
    """What is found by a look at every file.

    Attributes:
      counts: how many examples each file has, in the files' order.
      image: the feature that is the image; "" where it differs between examples.
      label: the feature that is the label; None for none.
      kind: what it is stored as; None without one.
      names: the classes, where the label says itself which there are.
    """

    counts: tuple[int, ...]
    image: str
    label: str | None
    kind: str | None
    names: tuple[str, ...] | None = None


class ShardedStore(Store):
    """Examples in the files that a pattern names, file after file. Which of them are of which split, their names tell.

    Args:
      pattern: as for `matching_files`.
      image_feature: the image; None for the one that is clear.
      label_feature: the label likewise; "none" for no labels.
      label_names: the names of all classes where they are known already.

    Raises:
      DeidError: no file matches, or the names of some tell no split.
    """

    has_features = True
    states_version = False

    def __init__(
        self,
        pattern: str,
        image_feature: str | None = None,
        label_feature: str | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(pattern)
        self.reference = f"{self.name}:{pattern}"
        self._asked_image, self._asked_label = image_feature, label_feature
        self._splits = by_split(matching_files(pattern, self.reference), self.reference)
        self._files = [file for files in self._splits.values() for file in files]
        if label_names is not None:
            self.__dict__["label_names"] = list(label_names)

    @classmethod
    def open(cls: type[_Self], rest: str, config: SourceConfig, label_names: Sequence[str] | None) -> _Self:
        return cls(rest, config.image_feature, config.label_feature, label_names)

    @classmethod
    def absolute(cls, rest: str, data_dir: str | None = None) -> str:
        return absolute(rest)

    @abc.abstractmethod
    def _look(self) -> Outline:
        """Looks at every file."""

    @abc.abstractmethod
    def _read(self, file: str, places: Sequence[int]) -> Iterator[tuple[bytes, Any, str | None]]:
        """Yields image, value of the label (None for none) and id (None for none) at ascending places of a file."""

    @abc.abstractmethod
    def _label_values(self, file: str) -> Sequence[Any]:
        """Returns the label of every example of a file: text, number or boolean, or None where there is none."""

    @abc.abstractmethod
    def _values(self, file: str, feature: str) -> Sequence[str]:
        """Returns what `values` does, of a file."""

    @functools.cached_property
    def outline(self) -> Outline:
        """How many examples there are in each file, and what is used of them."""
        return self._look()

    def _each(self, look: Callable[[str], _Found]) -> list[_Found]:
        """Returns what a look at every file finds, at several at once where they are remote."""
        with (
            concurrent.futures.ThreadPoolExecutor(AT_ONCE if self.is_remote else 1) as pool,
            tqdm(total=len(self._files), unit="file", desc="indexing", leave=False, disable=None) as bar,
        ):
            found = []
            for one in pool.map(look, self._files):
                found.append(one)
                bar.update()
        return found

    def take_outline(self, outline: Hashable) -> None:
        if not isinstance(outline, Outline) or len(outline.counts) != len(self._files):
            raise DeidError(f"{self.reference} names other files here than at launch. Start again when they stay as they are.")
        self.__dict__["outline"] = outline

    def _check_count(self, file: str, count: int) -> None:
        """Raises DeidError where a file has another number of examples than was found before."""
        if "outline" in self.__dict__ and self.outline.counts[self._files.index(file)] != count:
            raise DeidError(f"{file} has changed: it has {count:,} images now. Start again when it stays as it is.")

    @property
    def source_name(self) -> str:
        return common_name(self._files)

    @functools.cached_property
    def version(self) -> str:
        """A hash of the files' names and sizes."""
        return names_and_sizes(self._files)

    @property
    def is_remote(self) -> bool:
        return is_remote(self._files[0])

    @functools.cached_property
    def channels(self) -> int | None:
        """1 if every image that can be read is gray, else 3. Reads images up to the first that is not gray."""
        images = (
            example.image for split in self.sizes for example in self._examples(split, np.arange(self.sizes[split]), False)
        )
        return 1 if all(map(_is_gray, images)) else 3

    @functools.cached_property
    def sizes(self) -> dict[str, int]:
        counts = iter(self.outline.counts)
        return {split: sum(itertools.islice(counts, len(files))) for split, files in self._splits.items()}

    def reads_quickly(self, split: str) -> bool:
        return True

    @functools.cached_property
    def label_names(self) -> list[str] | None:
        label, kind = self.outline.label, self.outline.kind
        if label is None or kind is None:
            return None
        if self.outline.names is not None:
            return list(self.outline.names)
        if kind not in (TEXT, INTEGER):
            return list(BOOLEANS)
        different: set[Any] = set()
        for file in self._files:
            different.update(value for value in self._label_values(file) if value is not None)
            check_few(different, label, kind, self.reference)
        return [str(value) for value in sorted(different)]

    def labels(self, split: str) -> np.ndarray:
        """Returns all labels of a split, int[N], without the images."""
        values = ((file, value) for file in self._splits[split] for value in self._label_values(file))
        return np.fromiter((self._label(value, file) for file, value in values), np.int64)

    def _label(self, value: Any, file: str) -> int:
        """Returns the index of a label's value in `label_names`; -1, TFDS's mark of an unknown one, for none."""
        if value is None:
            return -1
        if self.outline.kind == CLASS:
            if not -1 <= value < len(self._numbers):
                raise DeidError(f"{file}: {self.outline.label!r} must be one of {len(self._numbers)} labels, got {value!r}.")
            return value
        name = BOOLEANS[value] if isinstance(value, bool) else str(value)
        if name not in self._numbers:
            raise DeidError(f"{file}: the label {name!r} was not there when classes were collected.")
        return self._numbers[name]

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: label for label, name in enumerate(self.label_names or ())}

    def values(self, split: str, feature: str) -> list[str]:
        return [text for file in self._splits[split] for text in self._values(file, feature)]

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        """Yields the examples at ascending positions, of each file in one go; what lies between them is passed over."""
        return self._examples(split, np.asarray(indices), self.outline.label is not None)

    def _examples(self, split: str, positions: np.ndarray, with_labels: bool) -> Iterator[Example]:
        files = self._splits[split]
        first = self._files.index(files[0])
        ends = np.cumsum(self.outline.counts[first : first + len(files)])
        while len(positions):
            number = int(np.searchsorted(ends, positions[0], side="right"))
            file, start = files[number], int(ends[number]) - self.outline.counts[first + number]
            wanted, positions = np.split(positions, np.searchsorted(positions, [ends[number]]))
            rows = self._read(file, (wanted - start).tolist())
            for position, (data, value, source_id) in zip(wanted.tolist(), rows, strict=True):
                label = self._label(value, file) if with_labels else None
                yield Example(data, label, f"{position}" if source_id is None else source_id, position)


def as_text(value: Any) -> str:
    """Returns a value as `values` tells it; "" for none."""
    return "" if value is None else BOOLEANS[value] if isinstance(value, bool) else str(value)


def _is_gray(data: Any) -> bool:
    try:
        return image.is_gray(io.BytesIO(data))
    except ImageError:
        return True  # It will fail alone, and says nothing about the others.
