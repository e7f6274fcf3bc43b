"""Records as `tf.train.Example` messages. TFDS carries the code of these messages, so that nothing here loads TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfdeid.errors import DeidError


def parse(record: bytes) -> Mapping[str, Any]:
    """Returns the features of a record by name, as messages `Feature`; one that it lacks is made, and empty.

    Raises:
      DeidError: the bytes are no such message.
    """
    from google.protobuf.message import DecodeError  # Late: as below.
    from tensorflow_datasets.proto import tf_example_pb2  # Late: loads TFDS.

    try:
        return tf_example_pb2.Example.FromString(record).features.feature
    except DecodeError as error:
        raise DeidError("it is no record of a TFDS dataset") from error


def serialize(features: Mapping[str, bytes | int]) -> bytes:
    """Returns the record of features of one value each, in the same bytes in every process.

    TFDS leaves the order of the features to protobuf's hash tables, which are seeded anew in each process.
    """
    from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2  # Late: loads TFDS.

    messages = {
        name: tf_feature_pb2.Feature(bytes_list=tf_feature_pb2.BytesList(value=[value]))
        if isinstance(value, bytes)
        else tf_feature_pb2.Feature(int64_list=tf_feature_pb2.Int64List(value=[value]))
        for name, value in features.items()
    }
    example = tf_example_pb2.Example(features=tf_feature_pb2.Features(feature=messages))
    return example.SerializeToString(deterministic=True)
