"""Prepared TFDS datasets, read with the images as they are stored."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from etils import epath

from tfdeid.data import array_record, tfrecord
from tfdeid.data.example import Example
from tfdeid.errors import DeidError, unknown_name

if TYPE_CHECKING:
    import tensorflow as tf

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[^/:]+))?(:(?P<version>[\w.*]+))?")
# How the records of each file format are read.
READERS = {"tfrecord": tfrecord.read_records, "array_record": array_record.read_records}
_CHANNELS = {1: 1, 3: 3, 4: 3}  # stored -> decoded: transparency is laid on white


class MissingDatasetError(DeidError):
    """There is no such dataset; other errors are about one that is there."""


class TfdsStore:
    """A dataset that TFDS has prepared in `data_dir`. Nothing is downloaded and the dataset's code is not needed.

    The image and the label are the first that `supervised_keys` names, else the only Image and the only ClassLabel at the top
    level; a dataset without a ClassLabel is unlabelled. The source id is the feature `id`, else `file_name`, else the index.

    Args:
      dataset: `name`, `name/config`, `name:version` or `name/config:version`. Without a config, it is the default or only one;
        without a version, the highest. Versions may have wildcards (`3.*.*`).
      data_dir: TFDS's data directory; None for TFDS's own default.

    Raises:
      DeidError: the dataset is not there, its image or label can't be told, or its images can't be read as files.
    """

    def __init__(self, dataset: str, data_dir: str | None):
        import tensorflow_datasets as tfds

        folder = _dataset_folder(dataset, data_dir)
        self.builder = tfds.builder_from_directory(folder)
        info = self.builder.info
        if info.file_format.value not in READERS:
            raise DeidError(
                f"{folder} is stored as {info.file_format.value}; a dataset must be stored as {' or '.join(READERS)}."
            )
        config = self.builder.builder_config
        self.name = "_".join(part for part in (info.name, config and config.name) if part)
        self.version = str(info.version)
        self.sizes = {name: split.num_examples for name, split in info.splits.items()}
        features = info.features
        self.image_key = _pick(features, info.supervised_keys, _is_image, "Image", folder)
        if self.image_key is None:
            raise DeidError(f"{folder} has no Image among its features: {', '.join(sorted(features))}")
        self.label_key = _pick(features, info.supervised_keys, _is_label, "ClassLabel", folder)
        self._id = next((key for key in ("id", "file_name") if key in features and features[key].shape == ()), None)
        self.label_names: list[str] | None = list(features[self.label_key].names) if self.label_key else None
        self.channels: int | None = _CHANNELS.get(features[self.image_key].shape[-1])
        if features[self.image_key].np_dtype not in (np.uint8, np.uint16):
            dtype = np.dtype(features[self.image_key].np_dtype)
            raise DeidError(f"{folder}: images must be stored as uint8 or uint16, and {self.image_key!r} is {dtype}")

    def labels(self, split: str) -> np.ndarray:
        """Returns all labels of a split. Reads through its files, but decodes no image."""
        records = self._records(split, range(self.sizes[split]))
        return np.fromiter((record[self.label_key] for _, record in records), np.int64)

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        """Yields the examples at ascending positions; what lies between them is read but not parsed."""
        for index, record in self._records(split, indices):
            label = record[self.label_key] if self.label_key else None
            yield Example(record[self.image_key], label, _text(record[self._id]) if self._id else f"{index}", index)

    def _records(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[tuple[int, dict[str | None, Any]]]:
        """Yields positions and features as they are stored.

        TFDS says which records of which files these are. Its own `as_dataset` builds graphs that parse and decode, which takes
        longer than a shard of small images takes to be read.
        """
        if not len(indices):
            return
        start, stop = int(indices[0]), int(indices[-1]) + 1
        wanted = np.zeros(stop - start, bool)
        wanted[np.asarray(indices) - start] = True
        where = f"split {split!r}, examples {start} to {stop}, in {self.builder.data_dir}"
        position = start
        for instruction in self.builder.info.splits[f"{split}[{start}:{stop}]"].file_instructions:
            for data in self._file(instruction, f"{self.name} can't be read ({where})"):
                if wanted[position - start]:
                    yield position, self._parse(data, f"{self.name} can't be read (split {split!r}, example {position})")
                position += 1

    def _file(self, instruction: Any, problem: str) -> Iterator[bytes]:
        """Yields the records of a file that a TFDS FileInstruction chooses."""
        path = epath.Path(instruction.filename)
        try:
            yield from READERS[self.builder.info.file_format.value](path, instruction.skip, instruction.take)
        except DeidError as error:
            raise DeidError(f"{problem}: {path.name}: {error}. Prepare the dataset again.") from error

    def _parse(self, data: bytes, problem: str) -> dict[str | None, Any]:
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        try:
            features = tf.train.Example.FromString(data).features.feature
            keys = [key for key in (self.image_key, self.label_key, self._id) if key]
            record: dict[str | None, Any] = {
                key: getattr(features[key], features[key].WhichOneof("kind")).value[0] for key in keys
            }
        except (DecodeError, TypeError, IndexError) as error:
            raise DeidError(f"{problem}: the record is damaged or lacks a feature. Prepare the dataset again.") from error
        if not isinstance(record[self.image_key], bytes):
            raise DeidError(f"{problem}: {self.image_key!r} is no image file. Prepare the dataset again.")
        label = record[self.label_key] if self.label_key else -1  # -1 is TFDS's mark of an unknown label.
        if not isinstance(label, int) or not -1 <= label < len(self.label_names or ()):
            raise DeidError(
                f"{problem}: {self.label_key!r} must be one of {len(self.label_names or ())} labels, got {label!r}."
            )
        return record


def without_tuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Switches tf.data's tuner off: its thread sleeps, and the end of every range or epoch may wait half a second for it."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _dataset_folder(dataset: str, data_dir: str | None) -> epath.Path:
    """Returns the folder of the prepared dataset: DATA_DIR/name[/config]/version."""
    root = epath.Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    parts = _NAME.fullmatch(dataset)
    if not parts:
        raise DeidError(f"a dataset must be name, name/config, name:version or name/config:version, got {dataset!r}")
    folder = root / parts["name"]
    if config := parts["config"] or _default_config(folder):
        folder = folder / config
    versions = [version for version in _versions(folder) if not parts["version"] or version.match(parts["version"])]
    if versions:
        return folder / str(max(versions))
    hint = "Nothing is downloaded: prepare it (tfds build), or name its folder by data_dir."
    prepared = _prepared(root)
    if not prepared:
        raise MissingDatasetError(f"dataset {dataset!r} is not prepared: there is no dataset in {root}. {hint}")
    raise MissingDatasetError(f"{unknown_name('dataset', dataset, prepared)} Looked in {root}. {hint}")


def _versions(folder: epath.Path) -> list[Any]:
    import tensorflow_datasets as tfds

    if not folder.is_dir():
        return []
    names = (path.name for path in folder.iterdir() if (path / "features.json").exists())
    return [tfds.core.Version(name) for name in names if tfds.core.Version.is_valid(name)]


def _default_config(folder: epath.Path) -> str | None:
    """Returns the config that a bare name stands for; None if there are none, or none is the default."""
    metadata = folder / ".config" / "metadata.json"
    if metadata.exists():
        return json.loads(metadata.read_text()).get("default_config_name")
    if not folder.is_dir() or _versions(folder):
        return None
    configs = [path.name for path in folder.iterdir() if path.is_dir() and _versions(path)]
    return configs[0] if len(configs) == 1 else None


def _prepared(root: epath.Path) -> list[str]:
    """Returns the names of all prepared datasets, as a user would give them."""
    folders = [file.parent for depth in ("*/*", "*/*/*") for file in root.glob(f"{depth}/features.json")]
    return sorted({f"{folder.parent.relative_to(root)}:{folder.name}" for folder in folders})


def _is_image(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.Image) and not isinstance(feature, tfds.features.LabeledImage)


def _is_label(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.ClassLabel)


def _pick(features: Any, supervised_keys: Any, is_wanted: Any, kind: str, folder: epath.Path) -> str | None:
    """Returns the name of the feature of a kind; None if there is none."""
    named = [key for key in supervised_keys or () if isinstance(key, str) and key in features and is_wanted(features[key])]
    candidates = named[:1] or sorted(key for key, feature in features.items() if is_wanted(feature))
    if len(candidates) > 1:
        raise DeidError(
            f"{folder} has several features of kind {kind}, and its supervised_keys do not name one: {', '.join(candidates)}"
        )
    return candidates[0] if candidates else None


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
