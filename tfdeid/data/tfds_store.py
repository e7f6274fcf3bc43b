"""Prepared TFDS datasets, read with the images as they are stored."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from etils import epath

from tfdeid.data.example import Example
from tfdeid.errors import DeidError, unknown_name

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[^/:]+))?(:(?P<version>[\w.*]+))?")
_BATCH_SIZE = 32  # Encoded images that a worker holds.
_CHANNELS = {1: 1, 3: 3, 4: 3}  # stored -> decoded: transparency is laid on white


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
        self._builder = tfds.builder_from_directory(folder)
        info = self._builder.info
        if info.file_format.value != "tfrecord":
            raise DeidError(f"{folder} is stored as {info.file_format.value}; a source must be stored as tfrecord")
        config = self._builder.builder_config
        self.name = "_".join(part for part in (info.name, config and config.name) if part)
        self.version = str(info.version)
        self.sizes = {name: split.num_examples for name, split in info.splits.items()}
        features = info.features
        self._image = _pick(features, info.supervised_keys, _is_image, "Image", folder)
        if self._image is None:
            raise DeidError(f"{folder} has no Image among its features: {', '.join(sorted(features))}")
        self._label = _pick(features, info.supervised_keys, _is_label, "ClassLabel", folder)
        self._id = next((key for key in ("id", "file_name") if key in features and features[key].shape == ()), None)
        self.label_names: list[str] | None = list(features[self._label].names) if self._label else None
        self.channels: int | None = _CHANNELS.get(features[self._image].shape[-1])
        if features[self._image].np_dtype not in (np.uint8, np.uint16):
            dtype = np.dtype(features[self._image].np_dtype)
            raise DeidError(f"{folder}: images must be stored as uint8 or uint16, and {self._image!r} is {dtype}")

    def labels(self, split: str) -> np.ndarray:
        """Returns all labels of a split. Reads through its files, but looks at nothing else."""
        if not self.sizes[split]:
            return np.zeros(0, np.int64)
        dataset = self._dataset(split, 0, self.sizes[split], [self._label]).batch(1024)
        return np.concatenate([batch[self._label] for _, batch in self._batches(dataset, split, 0, self.sizes[split])])

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        """Yields the examples at ascending positions; what lies between them is read but not converted."""
        if not len(indices):
            return
        start, stop = int(indices[0]), int(indices[-1]) + 1
        keys = [key for key in (self._image, self._label, self._id) if key]
        dataset = self._dataset(split, start, stop, keys)
        if len(indices) < stop - start:
            wanted = np.zeros(stop - start, bool)
            wanted[np.asarray(indices) - start] = True
            dataset = dataset.filter(_among(wanted, start))
        # tf.data hands over from thread to thread, which on busy cores takes longer than to parse a record.
        for positions, rows in self._batches(dataset.batch(_BATCH_SIZE), split, start, stop):
            for i, index in enumerate(map(int, positions)):
                label = int(rows[self._label][i]) if self._label else None
                yield Example(rows[self._image][i], label, _text(rows[self._id][i]) if self._id else f"{index}", index)

    def _dataset(self, split: str, start: int, stop: int, keys: Sequence[str | None]) -> Any:
        """Returns a tf.data.Dataset of (position, features), in source order, with images as they are stored."""
        import tensorflow as tf
        import tensorflow_datasets as tfds

        options = tf.data.Options()
        options.deterministic = True
        options.threading.private_threadpool_size = 2  # A machine runs many workers, and this only parses records.
        options.threading.max_intra_op_parallelism = 1
        config = tfds.ReadConfig(
            options=options,
            try_autocache=False,
            interleave_cycle_length=1,
            num_parallel_calls_for_decode=1,
            num_parallel_calls_for_interleave_files=1,
        )
        decoders = {self._image: tfds.decode.SkipDecoding()} if self._image in keys else None
        dataset = self._builder.as_dataset(
            split=tfds.core.ReadInstruction(split, from_=start, to=stop, unit="abs"),
            decoders=tfds.decode.PartialDecoding(dict.fromkeys(keys, True), decoders=decoders),
            read_config=config,
            shuffle_files=False,
        )
        return dataset.enumerate(start)

    def _batches(self, dataset: Any, split: str, start: int, stop: int) -> Iterator[tuple[Any, dict[str | None, Any]]]:
        import tensorflow as tf

        try:
            yield from dataset.as_numpy_iterator()
        except tf.errors.OpError as error:
            reason = re.sub(r"^{{.*?}} |\s*\[Op:.*", "", str(error.message).splitlines()[0])
            where = f"split {split!r}, examples {start} to {stop}, in {self._builder.data_dir}"
            raise DeidError(f"{self.name} can't be read ({where}): {reason}. Prepare the dataset again.") from error


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
        raise DeidError(f"dataset {dataset!r} is not prepared: there is no dataset in {root}. {hint}")
    raise DeidError(f"{unknown_name('dataset', dataset, prepared)} Looked in {root}. {hint}")


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


def _among(wanted: np.ndarray, start: int) -> Any:
    """Returns a predicate for `tf.data.Dataset.filter`: is wanted[position - start] set?"""
    import tensorflow as tf

    mask = tf.constant(wanted)
    return lambda position, _: mask[position - start]


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
