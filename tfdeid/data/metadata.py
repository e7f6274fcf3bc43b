"""The TFDS metadata of a de-identified dataset: features, splits, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from etils import epath

from tfdeid.data.naming import VERSION, class_names
from tfdeid.errors import DeidError
from tfdeid.files import write_text

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# TFDS takes a folder that has this file for a complete dataset, so it is written last.
LAST_FILE = "features.json"
# What `write_metadata` leaves in a dataset's folder; `.metadata` only while it works.
METADATA_FILES = (LAST_FILE, "dataset_info.json", "metadata.json", "label.labels.txt", ".metadata")


def make_features(output_size: int, channels: int, label_names: Sequence[str] | None) -> tfds.features.FeaturesDict:
    """Returns the features of a de-identified dataset: `image` (PNG), `id` (Text) and, if the source has labels, `label`."""
    import tensorflow_datasets as tfds  # Late: takes seconds.

    features: dict[str, Any] = {
        "id": tfds.features.Text(),
        "image": tfds.features.Image(shape=(output_size, output_size, channels), encoding_format="png"),
    }
    if label_names is not None:
        features["label"] = tfds.features.ClassLabel(names=[*class_names(label_names)])
    return tfds.features.FeaturesDict(features)


def is_complete(directory: epath.PathLike) -> bool:
    return (epath.Path(directory) / LAST_FILE).exists()


def withdraw(directory: epath.PathLike) -> None:
    """Takes back what makes a folder a dataset for readers, if it is there."""
    (epath.Path(directory) / LAST_FILE).unlink(missing_ok=True)


def read_facts(directory: epath.PathLike) -> dict[str, Any]:
    """Returns what `write_metadata` was told of how the dataset was made, {} where there is none.

    Raises:
      DeidError: the file that says it is damaged.
    """
    path = epath.Path(directory) / "metadata.json"
    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DeidError(f"{path} can't be read: {reason}. Make the dataset again, by --mode=overwrite.") from error
    if not isinstance(facts, dict):
        raise DeidError(f"{path} can't be read: it holds no facts. Make the dataset again, by --mode=overwrite.")
    return facts


def write_metadata(
    directory: epath.PathLike,
    *,
    dataset: str,
    config: str,
    description: str,
    features: tfds.features.FeaturesDict,
    file_format: str,
    splits: Mapping[str, tuple[Sequence[int], int]],
    facts: Mapping[str, Any],
) -> None:
    """Makes the shards in `directory` a dataset that TFDS reads, and the first config the dataset's default one.

    Args:
      directory: `<output_dir>/<dataset>/<config>/<version>`, which holds the shards.
      dataset: the dataset's name.
      config: the configuration's name.
      description: a sentence for people.
      features: what `make_features` returned.
      file_format: tfrecord or array_record.
      splits: for each split the number of records of each shard, and the bytes of all.
      facts: how the dataset was made; must hold nothing secret, since it travels with the dataset.
    """
    import tensorflow_datasets as tfds  # Late: takes seconds.

    directory = epath.Path(directory)
    identity = tfds.core.DatasetIdentity(
        name=dataset,
        version=tfds.core.Version(VERSION),
        data_dir=str(directory),
        module_name="",
        config_name=config,
        config_description=description,
    )
    info = tfds.core.DatasetInfo(
        builder=identity,
        description=description,
        features=features,
        supervised_keys=("image", "label") if "label" in features else None,
        metadata=tfds.core.MetadataDict(dict(facts)),
    )
    info.set_file_format(file_format)
    shards = tfds.core.ShardedFileTemplate(data_dir=directory, dataset_name=dataset, filetype_suffix=file_format)
    infos = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=list(shard_lengths),
            num_bytes=num_bytes,
            filename_template=shards.replace(split=split),
        )
        for split, (shard_lengths, num_bytes) in splits.items()
    ]
    info.set_splits(tfds.core.SplitDict(infos))
    name_default_config(directory.parent.parent, config)
    (staging := directory / ".metadata").mkdir(parents=True, exist_ok=True)
    info.write_to_directory(staging)
    for path in sorted(staging.iterdir(), key=lambda path: path.name == LAST_FILE):
        path.replace(directory / path.name)
    staging.rmdir()


def name_default_config(dataset_directory: epath.Path, config: str) -> None:
    """Names the default config, without which TFDS can't resolve the bare dataset name; the first one stays the default.

    A file that is damaged, or names a config that is gone, is written again.
    """
    path = dataset_directory / ".config" / "metadata.json"
    try:
        default = json.loads(path.read_text())["default_config_name"]
        if (dataset_directory / default).is_dir():
            return
    except (OSError, ValueError, TypeError, KeyError):
        pass
    write_text(path, json.dumps({"default_config_name": config}))
