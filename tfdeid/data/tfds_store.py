"""Prepared TFDS datasets, read with the images as they are stored."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from etils import epath

from tfdeid.data import array_record, tfrecord
from tfdeid.data.example import Example
from tfdeid.data.locate import dataset_folder, open_folder
from tfdeid.data.tfds_features import BOOLEAN, CLASS, INTEGER, TEXT, choose
from tfdeid.errors import DeidError
from tfdeid.files import is_remote

if TYPE_CHECKING:
    import tensorflow as tf

_BOOLEANS = ("false", "true")
# More different values than these are no classes, but captions or numbers of something.
_MOST_TEXTS, _MOST_INTEGERS = 10_000, 1_000
# A split of so many bytes is read through within seconds.
_QUICKLY_READ = 1 << 30
# To begin anew in a file costs about as much as to read through so many records.
_WORTH_PASSING_OVER = 200
# How the records of each file format are read.
READERS = {"tfrecord": tfrecord.read_records, "array_record": array_record.read_records}
_CHANNELS = {1: 1, 3: 3, 4: 3}  # stored -> decoded: transparency is laid on white


class TfdsStore:
    """A dataset that TFDS has prepared in `data_dir`. Nothing is downloaded and the dataset's code is not needed.

    `tfdeid.data.tfds_features` says which features are the image, the label and the source id. The values of a label that is
    text or a whole number are the classes, and sorted; they are found by reading through all splits, once.

    Args:
      dataset: as for `dataset_folder`: `name`, `name/config`, `name:version`, `name/config:version`, or its folder.
      data_dir: TFDS's data directory; None for TFDS's own default.
      image_feature: the image, by name or path (a/b); None for the one that is clear.
      label_feature: the label likewise; "none" for no labels.
      label_names: the names of all classes where they are known already, so that no one reads through the splits for them.

    Raises:
      DeidError: the dataset is not there, its image or label can't be told, or its images can't be read as files.
    """

    def __init__(
        self,
        dataset: str,
        data_dir: str | None,
        image_feature: str | None = None,
        label_feature: str | None = None,
        label_names: Sequence[str] | None = None,
    ):
        folder = dataset_folder(dataset, data_dir)
        self.builder = open_folder(folder)
        info = self.builder.info
        if info.file_format.value not in READERS:
            raise DeidError(
                f"{folder} is stored as {info.file_format.value}; a dataset must be stored as {' or '.join(READERS)}."
            )
        config = self.builder.builder_config
        self.name = "_".join(part for part in (info.name, config and config.name) if part)
        self.is_remote, self.states_version, self.version = is_remote(folder), True, str(info.version)
        self.sizes = {name: split.num_examples for name, split in info.splits.items()}
        self.roles = choose(info, image_feature, label_feature)
        self.image_key, self.label_key, self._id = self.roles.image, self.roles.label, self.roles.source_id
        if label_names is not None:
            self.__dict__["label_names"] = list(label_names)
        feature = self.feature(self.image_key)
        self.channels: int | None = _CHANNELS.get(feature.shape[-1])
        if feature.np_dtype not in (np.uint8, np.uint16):
            raise DeidError(
                f"{folder}: images must be stored as uint8 or uint16, and {self.image_key!r} is {np.dtype(feature.np_dtype)}"
            )

    @property
    def notes(self) -> list[str]:
        """What of the dataset has no place in the output, and what became of its labels."""
        notes = list(self.roles.notes)
        if self.roles.label_kind == BOOLEAN:
            notes.append(f"the label {self.label_key!r} (boolean) becomes the classes false and true")
        if self.roles.label_kind in (TEXT, INTEGER):
            names = self.label_names or []
            some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            kind = self.roles.label_kind
            notes.append(f"the {len(names):,} values of the label {self.label_key!r} ({kind}) become classes: {some}")
        return notes

    @functools.cached_property
    def label_names(self) -> list[str] | None:
        if self.label_key is None:
            return None
        if self.roles.label_kind == CLASS:
            return list(self.feature(self.label_key).names)
        if self.roles.label_kind == BOOLEAN:
            return list(_BOOLEANS)
        found: set[Any] = set()
        for split in self.sizes:
            for position, values in self._values(split, range(self.sizes[split]), (self.label_key,)):
                found.add(self._label_value(values, f"{self.name} can't be read (split {split!r}, example {position})"))
                self._check_few(found)
        return [_text(value) for value in sorted(found)]

    def _check_few(self, found: set[Any]) -> None:
        most = _MOST_TEXTS if self.roles.label_kind == TEXT else _MOST_INTEGERS
        if len(found) > most:
            raise DeidError(
                f"the label {self.label_key!r} of {self.name} has more than {most:,} different values, too many for classes. "
                "Choose another by --label_feature, or none: --label_feature none."
            )

    def labels(self, split: str) -> np.ndarray:
        """Returns all labels of a split. Reads through its files, but decodes no image."""
        records = self._records(split, range(self.sizes[split]), with_image=False)
        return np.fromiter((record.label for record in records), np.int64)

    def reads_quickly(self, split: str) -> bool:
        """Tells whether to read through a split, as for its labels, takes seconds."""
        size = self.builder.info.splits[split].num_bytes
        return size is not None and size <= _QUICKLY_READ

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        """Yields the examples at ascending positions; what lies between them is read but not parsed."""
        return self._records(split, indices)

    def feature(self, path: str) -> Any:
        """Returns TFDS's feature of a name or path (a/b)."""
        feature = self.builder.info.features
        for name in path.split("/"):
            feature = feature[name]
        return feature

    def _records(self, split: str, indices: Sequence[int] | np.ndarray, with_image: bool = True) -> Iterator[Example]:
        keys = [key for key in (self.image_key if with_image else None, self.label_key, self._id) if key]
        for index, values in self._values(split, indices, keys):
            problem = f"{self.name} can't be read (split {split!r}, example {index})"
            image = values[self.image_key] if with_image else b""
            if not isinstance(image, bytes):
                raise DeidError(f"{problem}: {self.image_key!r} is no image file. Prepare the dataset again.")
            label = self._label(values, problem) if self.label_key else None
            yield Example(image, label, _text(values[self._id]) if self._id else f"{index}", index)

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
        for start, stop, wanted in _runs(np.asarray(indices)):
            position = start
            for instruction in self.builder.info.splits[f"{split}[{start}:{stop}]"].file_instructions:
                for data in self._file(instruction, f"{self.name} can't be read ({where})"):
                    if wanted[position - start]:
                        problem = f"{self.name} can't be read (split {split!r}, example {position})"
                        yield position, _parse(data, keys, problem)
                    position += 1

    def _file(self, instruction: Any, problem: str) -> Iterator[bytes]:
        """Yields the records of a file that a TFDS FileInstruction chooses."""
        path = epath.Path(instruction.filename)
        try:
            yield from READERS[self.builder.info.file_format.value](path, instruction.skip, instruction.take)
        except DeidError as error:
            raise DeidError(f"{problem}: {path.name}: {error}. Prepare the dataset again.") from error


def _runs(indices: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Cuts ascending positions into ranges that are read through, with what is wanted of each: wide gaps are passed over."""
    for run in np.split(indices, np.flatnonzero(np.diff(indices) > _WORTH_PASSING_OVER) + 1):
        start, stop = int(run[0]), int(run[-1]) + 1
        wanted = np.zeros(stop - start, bool)
        wanted[run - start] = True
        yield start, stop, wanted


def _parse(data: bytes, keys: Sequence[str], problem: str) -> dict[str, Any]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(data).features.feature
        return {key: getattr(features[key], features[key].WhichOneof("kind")).value[0] for key in keys}
    except (DecodeError, TypeError, IndexError) as error:
        raise DeidError(f"{problem}: the record is damaged or lacks a feature. Prepare the dataset again.") from error


def without_tuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Switches tf.data's tuner off: its thread sleeps, and the end of every range or epoch may wait half a second for it."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
