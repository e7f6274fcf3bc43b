"""What a written dataset holds."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from tfdeid.image import decode_image

Record = tuple[bytes, list[int], bytes]


def content(folder: pathlib.Path) -> dict[str, list[Record]]:
    """Returns id, label and pixels of all records, by name of the shard.

    Not the records' bytes: now and then, for one image of many thousands, ISA-L packs the same pixels into other bytes.

    Args:
      folder: the dataset's, with its TFRecord shards.
    """
    return {path.name: _records(path) for path in sorted(folder.iterdir()) if ".tfrecord-" in path.name}


def _records(path: pathlib.Path) -> list[Record]:
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    return [
        (
            feature["id"].bytes_list.value[0],
            list(feature["label"].int64_list.value),
            decode_image(feature["image"].bytes_list.value[0]).tobytes(),
        )
        for feature in features
    ]
