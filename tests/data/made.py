"""Prepared datasets that tests make for themselves, with labels and images as they are told."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from etils import epath

from beam.shards import _write_records
from tfdeid.data.metadata import make_features, write_metadata
from tfdeid.image import encode_png

NAME, CONFIG = "made_deid", "plain_32_32"
FACTS = {"scheme": "plain", "deid": {"scheme": "plain", "output_size": 32}, "key_fingerprint": "0" * 16}


def serialized(label: int | None, image: bytes) -> bytes:
    """Returns a record; with no label at all for None."""
    example = tf.train.Example()
    features = example.features.feature
    features["id"].bytes_list.value.append(hashlib.md5(image).hexdigest().encode())
    features["image"].bytes_list.value.append(image)
    if label is not None:
        features["label"].int64_list.value.append(label)
    return example.SerializeToString(deterministic=True)


def picture(seed: int, label: int | None = 0, side: int = 32) -> bytes:
    """Returns a PNG of noise that is the lighter the higher its label."""
    light = 60 * max(label or 0, 0)
    return encode_png(np.random.RandomState(seed).randint(light, light + 60, (side, side, 1)).astype(np.uint8))


def make_dataset(
    data_dir: pathlib.Path,
    splits: Mapping[str, Sequence[int | bytes | None]],
    *,
    file_format: str = "tfrecord",
    shards: int = 2,
    facts: Mapping[str, Any] = FACTS,
    name: str = NAME,
) -> pathlib.Path:
    """Writes a dataset of three classes, of whose splits the labels are given, or whole records; returns its folder."""
    folder = data_dir / name / CONFIG / "1.0.0"
    folder.mkdir(parents=True)
    sizes = {}
    for split, given in splits.items():
        records = [item if isinstance(item, bytes) else serialized(item, picture(k, item)) for k, item in enumerate(given)]
        parts = [list(part) for part in np.array_split(np.array(records, object), shards)]
        for k, part in enumerate(parts):
            _write_records(str(folder / f"{name}-{split}.{file_format}-{k:05d}-of-{shards:05d}"), part, file_format)
        sizes[split] = ([len(part) for part in parts], sum(map(len, records)))
    write_metadata(
        epath.Path(folder),
        dataset=name,
        config=CONFIG,
        description="made for a test",
        features=make_features(32, 1, ["a", "b", "c"]),
        file_format=file_format,
        splits=sizes,
        facts=facts,
    )
    return folder
