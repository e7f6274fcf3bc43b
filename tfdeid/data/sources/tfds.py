"""Prepared TFDS datasets, read with the images as they are stored."""

from __future__ import annotations

import bisect
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from etils import epath

from tfdeid.commandline import absolute
from tfdeid.data import tf_example
from tfdeid.data.label_choice import BOOLEAN, BOOLEANS, CLASS, INTEGER, TEXT, check_few, values_note
from tfdeid.data.locate import dataset_folder, open_folder
from tfdeid.data.record_files import READERS, READERS_AT
from tfdeid.data.sources.base import Example, Store
from tfdeid.data.tfds_features import choose, kind_of, scalars
from tfdeid.errors import DeidError
from tfdeid.files import is_remote

if TYPE_CHECKING:
    from tfdeid.data.sources.config import SourceConfig

# A split of so many bytes is read through within seconds.
_QUICKLY_READ = 1 << 30
_CHANNELS = {1: 1, 3: 3, 4: 3}  # stored -> decoded: transparency is laid on white


@dataclasses.dataclass(frozen=True)
class _File:
    """A file of a split: the records from `first` on are the split's examples at `places`."""

    path: str
    first: int
    places: range


class TfdsStore(Store):
    """A dataset that TFDS has prepared in `data_dir`. Nothing is downloaded and the dataset's code is not needed.

    `tfdeid.data.tfds_features` says which features are the image, the label and the source id. The values of a label that is
    text or a whole number are the classes, and sorted; they are found by reading through all splits, once.

    Args:
      dataset: as for `dataset_folder`: `name`, `name/config`, `name:version`, `name/config:version`, or its folder.
      data_dir: TFDS's data directory; None for TFDS's own default.
      image_feature: the image, by name or path (a/b); None for the one that is clear.
      label_feature: the label likewise; "none" for no labels.
      label_names: the names of all classes where they are known already, so that nothing is read through for them.

    Raises:
      DeidError: the dataset is not there, its image or label can't be told, or its images can't be read as files.
    """

    name, argument = "tfds", "NAME[/CONFIG][:VERSION]"
    has_features = True

    def __init__(
        self,
        dataset: str,
        data_dir: str | None,
        image_feature: str | None = None,
        label_feature: str | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(dataset)
        folder = dataset_folder(dataset, data_dir)
        self.builder = open_folder(folder)
        info = self.builder.info
        if info.file_format.value not in READERS:
            raise DeidError(
                f"{folder} is stored as {info.file_format.value}; a dataset must be stored as {' or '.join(READERS)}."
            )
        self.roles = choose(info, image_feature, label_feature)
        self.image_key, self.label_key, self._id = self.roles.image, self.roles.label, self.roles.source_id
        if label_names is not None:
            self.__dict__["label_names"] = list(label_names)
        feature = self.feature(self.image_key)
        if feature.np_dtype not in (np.uint8, np.uint16):
            raise DeidError(
                f"{folder}: images must be stored as uint8 or uint16, and {self.image_key!r} is {np.dtype(feature.np_dtype)}"
            )

    @classmethod
    def open(cls, rest: str, config: SourceConfig, label_names: Sequence[str] | None) -> TfdsStore:
        return cls(rest, config.data_dir, config.image_feature, config.label_feature, label_names)

    @classmethod
    def absolute(cls, rest: str, data_dir: str | None = None) -> str:
        is_path = rest.startswith((".", "~", os.sep))
        if os.sep in rest and os.path.isdir(rest):
            is_path = is_path or data_dir is None or not os.path.isdir(os.path.join(data_dir, rest))
        return absolute(rest) if is_path else rest

    @functools.cached_property
    def source_name(self) -> str:
        config = self.builder.builder_config
        return "_".join(part for part in (self.builder.info.name, config and config.name) if part)

    @property
    def version(self) -> str:
        return str(self.builder.info.version)

    @functools.cached_property
    def is_remote(self) -> bool:
        return is_remote(self.builder.data_dir)

    @functools.cached_property
    def channels(self) -> int | None:
        return _CHANNELS.get(self.feature(self.image_key).shape[-1])

    @functools.cached_property
    def sizes(self) -> Mapping[str, int]:
        return {name: split.num_examples for name, split in self.builder.info.splits.items()}

    @functools.cached_property
    def notes(self) -> list[str]:
        """What of the dataset has no place in the output, and what became of its labels."""
        names = self.label_names if self.roles.label_kind in (TEXT, INTEGER) else None
        return [*self.roles.notes, *values_note(self.label_key, self.roles.label_kind, names)]

    @functools.cached_property
    def label_names(self) -> list[str] | None:
        if self.label_key is None:
            return None
        if self.roles.label_kind == CLASS:
            return list(self.feature(self.label_key).names)
        if self.roles.label_kind == BOOLEAN:
            return list(BOOLEANS)
        different: set[Any] = set()
        for split in self.sizes:
            for position, values in self._values(split, range(self.sizes[split]), (self.label_key,)):
                different.add(self._label_value(values, self._problem(split, position)))
                check_few(different, self.label_key, self.roles.label_kind, self.source_name)  # type: ignore[arg-type]
        return [_text(value) for value in sorted(different)]

    def labels(self, split: str) -> np.ndarray:
        """Returns all labels of a split. Reads through its files, but decodes no image."""
        records = self._records(split, range(self.sizes[split]), with_image=False)
        return np.fromiter((record.label for record in records), np.int64)

    def reads_quickly(self, split: str) -> bool:
        """Tells whether to read through a split, as for its labels, takes seconds."""
        size = self.builder.info.splits[split].num_bytes
        return size is not None and size <= _QUICKLY_READ

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        """Yields the examples at ascending positions; what lies between them is passed over."""
        return self._records(split, indices)

    @functools.cached_property
    def value_features(self) -> list[str]:
        """The features of one text, number or class each, by name or path."""
        return scalars(self.builder.info)

    def values(self, split: str, feature: str) -> list[str]:
        """Returns names of classes, texts and numbers as text. Reads through the split's files, but decodes no image."""
        named = self._naming(feature)
        return [named(values[feature]) for _, values in self._values(split, range(self.sizes[split]), (feature,))]

    def _naming(self, path: str) -> Callable[[Any], str]:
        """Returns what makes a text of a feature's stored value."""
        feature, kind = self.feature(path), kind_of(self.feature(path))
        if kind == CLASS:
            return lambda value: feature.names[value] if 0 <= value < feature.num_classes else ""
        if kind == BOOLEAN:
            return lambda value: BOOLEANS[int(bool(value))]
        if kind is None:  # A float, which is stored in 32 bits.
            return lambda value: str(np.float32(value))
        return _text

    def feature(self, path: str) -> Any:
        """Returns TFDS's feature of a name or path (a/b)."""
        feature = self.builder.info.features
        for name in path.split("/"):
            feature = feature[name]
        return feature

    def _records(self, split: str, indices: Sequence[int] | np.ndarray, with_image: bool = True) -> Iterator[Example]:
        keys = [key for key in (self.image_key if with_image else None, self.label_key, self._id) if key]
        for index, values in self._values(split, indices, keys):
            problem = self._problem(split, index)
            image = values[self.image_key] if with_image else b""
            if not isinstance(image, bytes):
                raise DeidError(f"{problem}: {self.image_key!r} is no image file. Prepare the dataset again.")
            label = self._label(values, problem) if self.label_key else None
            yield Example(image, label, _text(values[self._id]) if self._id else f"{index}", index)

    def _problem(self, split: str, position: int) -> str:
        return f"{self.source_name} can't be read (split {split!r}, example {position})"

    def _label(self, values: dict[str, Any], problem: str) -> int:
        """Returns the index of a label in `label_names`; -1 is TFDS's mark of an unknown one."""
        value = self._label_value(values, problem)
        if self.roles.label_kind in (TEXT, INTEGER):
            index = self._numbers.get(_text(value))
            if index is None:
                raise DeidError(f"{problem}: the label {_text(value)!r} was not there when classes were collected.")
            return index
        names = self.label_names or ()
        least = -1 if self.roles.label_kind == CLASS else 0
        if not least <= value < len(names):
            raise DeidError(f"{problem}: {self.label_key!r} must be one of {len(names)} labels, got {value!r}.")
        return value

    def _label_value(self, values: dict[str, Any], problem: str) -> Any:
        value = values[self.label_key]  # type: ignore[index]
        if not isinstance(value, bytes if self.roles.label_kind == TEXT else int):
            kind = self.roles.label_kind
            what = f"a {kind}" if kind in (TEXT, INTEGER) else f"one of {len(self.label_names or ())} labels"
            raise DeidError(f"{problem}: {self.label_key!r} must be {what}, got {value!r}.")
        return value

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: label for label, name in enumerate(self.label_names or ())}

    def _values(
        self, split: str, indices: Sequence[int] | np.ndarray, keys: Sequence[str]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields positions, and the values of features as they are stored.

        TFDS says which records of which files these are. Its own `as_dataset` builds graphs that parse and decode, which takes
        longer than a shard of small images takes to be read.
        """
        if not len(indices):
            return
        where = f"split {split!r}, examples {int(indices[0])} to {int(indices[-1]) + 1}, in {self.builder.data_dir}"
        positions = np.asarray(indices)
        files = self._files(split)
        while len(positions):
            file = files[bisect.bisect_right(files, positions[0], key=lambda file: file.places.stop)]
            wanted, positions = np.split(positions, np.searchsorted(positions, [file.places.stop]))
            records = self._file(file, wanted - file.places.start, f"{self.source_name} can't be read ({where})")
            for position, data in zip(wanted.tolist(), records, strict=True):
                problem = self._problem(split, position)
                yield position, _parse(data, keys, problem)

    def _files(self, split: str) -> list[_File]:
        """Returns the files of a split in the order of its examples."""
        if split not in self._files_of:
            instructions = self.builder.info.splits[split].file_instructions
            ends = np.cumsum([instruction.take for instruction in instructions]).tolist()
            self._files_of[split] = [
                _File(instruction.filename, instruction.skip, range(end - instruction.take, end))
                for instruction, end in zip(instructions, ends, strict=True)
            ]
        return self._files_of[split]

    @functools.cached_property
    def _files_of(self) -> dict[str, list[_File]]:
        return {}

    def _file(self, file: _File, places: np.ndarray, problem: str) -> Iterator[bytes]:
        """Yields the records at some places of a file, counted from the split's first one in it."""
        path = epath.Path(file.path)
        try:
            yield from READERS_AT[self.builder.info.file_format.value](path, (places + file.first).tolist())
        except DeidError as error:
            raise DeidError(f"{problem}: {path.name}: {error}. Prepare the dataset again.") from error


def _parse(data: bytes, keys: Sequence[str], problem: str) -> dict[str, Any]:
    try:
        features = tf_example.parse(data)
        return {key: getattr(features[key], features[key].WhichOneof("kind")).value[0] for key in keys}
    except (DeidError, TypeError, IndexError) as error:
        raise DeidError(f"{problem}: the record is damaged or lacks a feature. Prepare the dataset again.") from error


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
